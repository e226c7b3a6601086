# What is used of google-re2, which has no annotations of its own.

from collections.abc import Iterator, Mapping

class error(Exception): ...  # noqa: N801, N818 - its name

class Options:
    log_errors: bool

class _Match:
    def __init__(
        self, regexp: _Regexp, text: str, pos: int, endpos: int, spans: tuple[tuple[int, int], ...]
    ) -> None: ...
    def __getitem__(self, group: int | str) -> str | None: ...
    def span(self, group: int | str = 0) -> tuple[int, int]: ...

class _Regexp:
    def __init__(self, pattern: str, options: Options | None) -> None: ...
    @property
    def groups(self) -> int: ...
    @property
    def groupindex(self) -> Mapping[str, int]: ...
    def finditer(self, text: str, pos: int | None = None, endpos: int | None = None) -> Iterator[_Match]: ...

def compile(pattern: str, options: Options | None = None) -> _Regexp: ...  # noqa: A001 - its name
