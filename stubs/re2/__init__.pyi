# What is used of google-re2, which has no annotations of its own.

from collections.abc import Callable, Mapping

class error(Exception): ...  # noqa: N801, N818 - its name

class Options:
    log_errors: bool

class _Match:
    def __getitem__(self, group: int | str) -> str | None: ...

class _Regexp:
    @property
    def groups(self) -> int: ...
    @property
    def groupindex(self) -> Mapping[str, int]: ...
    def sub(self, repl: Callable[[_Match], str], text: str, count: int = 0) -> str: ...

def compile(pattern: str, options: Options | None = None) -> _Regexp: ...  # noqa: A001 - its name
