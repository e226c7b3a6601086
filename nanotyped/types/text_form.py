"""What the text of a type is made of: ``TextForm``, and the one way to parse that most types share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from nanotyped.types.base import cast_error

if TYPE_CHECKING:
    import re

    from nanotyped.types.base import DataType

Dialect: TypeAlias = Literal["mysql", "csv"]
Parser: TypeAlias = Callable[[Any], Any]
Renderer: TypeAlias = Callable[[Any], str]

ANYTHING = r"(?s:.*)"


@dataclass(frozen=True, slots=True)
class TextForm:
    """How the values of one type are written as text.

    Attributes:
        pattern: Source of a regular expression, for ``re.ASCII``, of the texts that msgspec reads right.
        parse: Text to the exact Python value; raises ``TypeCastError``.
        render: Python value to CSV text; raises ``TypeCastError`` rather than round.
    """

    pattern: str
    parse: Parser
    render: Renderer


def parser_of(kind: type[DataType], pattern: re.Pattern[str], wanted: str, convert: Parser) -> Parser:
    """Return a parser: the whole text must match, then it is converted, then the type takes it or not."""

    def parse(text: Any) -> Any:
        if not isinstance(text, str) or not pattern.fullmatch(text):
            raise cast_error(kind, text, wanted)
        return kind.python_cast_function(convert(text))

    return parse
