"""Node classes for the tests of configuration files."""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from pydantic import SecretStr

from nanotyped.errors import SourceError
from nanotyped.node import NanoNode

if TYPE_CHECKING:
    from pathlib import Path


class Count(NanoNode[Any, Any]):
    """A source whose constructor takes one option of each kind."""

    def __init__(
        self,
        *,
        start: int = 0,
        rate: float = 1.0,
        host: str = "localhost",
        flag: bool = False,
        mode: Literal["fast", "slow"] = "fast",
        key: str | list[str | int] | None = None,
        columns: Mapping[str, int] | None = None,
        sizes: tuple[int, ...] = (),
        price: Decimal | None = None,
        convert: Callable[[Any], Any] | str | None = None,
        password: SecretStr | None = None,
        token: SecretStr | str | None = None,
        headers: Mapping[str, str | SecretStr] | None = None,
        anything: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if start < 0:
            raise ValueError(f"start must be at least 0, not {start}, at {host}")
        self.start = start
        self.given = {
            "rate": rate,
            "host": host,
            "flag": flag,
            "mode": mode,
            "key": key,
            "columns": columns,
            "sizes": sizes,
            "price": price,
            "convert": convert,
            "password": password,
            "token": token,
            "headers": headers,
            "anything": anything,
        }

    def generator(self) -> Iterator[Any]:
        yield {"n": self.start}


class Reader(NanoNode[Any, Any]):
    """A source that cannot do without two of its options."""

    def __init__(self, host: str, table: str, port: int = 3306, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.host, self.table, self.port = host, table, port

    def generator(self) -> Iterator[Any]:
        yield {}

    def discover_schema(self) -> None:
        raise SourceError(f"cannot connect to {self.host}")


class Show(NanoNode[Any, Any]):
    """A sink."""

    def process_item(self) -> Iterator[Any] | None:
        return None


class Unresolved(NanoNode[Any, Any]):
    """A source with an annotation that is not there when the program runs."""

    def __init__(self, path: "Path | None" = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def generator(self) -> Iterator[Any]:
        yield {}


class Refuser(NanoNode[Any, Any]):
    """A source that never likes its options."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        raise ValueError("not on a Monday")


class Forgetful(NanoNode[object, Any]):
    """A node that forgot to call the constructor of its base."""

    def __init__(self, **options: Any) -> None:
        self.options = options

    def generator(self) -> Iterator[Any]:
        yield {"n": 1}


ALL = (Count, Forgetful, Reader, Refuser, Show, Unresolved)
