# What is used of google-re2, which has no annotations of its own.

from collections.abc import Iterator, Mapping

class error(Exception): ...  # noqa: N801, N818 - its name

class Options:
    log_errors: bool

class _Match:
    def __getitem__(self, group: int | str) -> str | None: ...
    def span(self) -> tuple[int, int]: ...

class _Regexp:
    @property
    def groups(self) -> int: ...
    @property
    def groupindex(self) -> Mapping[str, int]: ...
    def finditer(self, text: str) -> Iterator[_Match]: ...

def compile(pattern: str, options: Options | None = None) -> _Regexp: ...  # noqa: A001 - its name
