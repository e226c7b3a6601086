"""Intermediate families of what has no one shape: JSON, OBJECT, NULL."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar, Final, Self

from nanotyped.types.base import cast_error
from nanotyped.types.intermediate.system import IntermediateType

# MySQL takes 100 levels (8.4 manual 11.5), MariaDB 32. Documents are walked by functions that call themselves, some
# by two calls a level, and Python has room for a thousand.
MAX_JSON_DEPTH = 200
TOO_DEEP = f"nested more than {MAX_JSON_DEPTH} deep"


class JsonNull:
    """The type of ``JSON_NULL``: a JSON document that is ``null``, which is not SQL NULL (``None``)."""

    __slots__ = ()
    _only: ClassVar[Self | None] = None

    def __new__(cls) -> Self:
        """Return the one object of this class."""
        if cls._only is None:
            cls._only = super().__new__(cls)
        return cls._only

    def __repr__(self) -> str:
        return "JSON_NULL"

    def __bool__(self) -> bool:
        return False

    def __reduce__(self) -> tuple[type[JsonNull], tuple[()]]:
        return JsonNull, ()


JSON_NULL: Final = JsonNull()


class JSON(IntermediateType):
    """A JSON document as Python objects: ``dict``, ``list``, ``str``, ``int``, ``Decimal``, ``float``, ``bool``."""

    __slots__ = ()

    @classmethod
    def python_cast_function(cls, value: Any) -> Any:
        """Return the document as it is, if JSON can spell all of it; a document that is null is ``JSON_NULL``."""
        if value is JSON_NULL:
            return value
        reason = json_problem(value)
        if reason:
            raise cast_error(cls, value, reason)
        return value


def json_problem(value: object, place: str = "$", depth: int = 0) -> str:
    """Return the first place at which a document is no JSON, ``""`` if there is none.

    Args:
        value: The document.
        place: Where it stands, for the answer.
        depth: How many objects and lists it stands in.
    """
    match value:
        case None | str() | int() | Decimal():
            return "" if not isinstance(value, Decimal) or value.is_finite() else f"{value} at {place} is not finite"
        case float():
            return "" if math.isfinite(value) else f"{value} at {place} is not finite"
        case Mapping() | list() | tuple():
            # Of one that is too deep the place would be as long as it is deep.
            return TOO_DEEP if depth == MAX_JSON_DEPTH else _problem_within(value, place, depth + 1)
    return f"{type(value).__name__} at {place} has no JSON form"


def _problem_within(value: Mapping[Any, Any] | list[Any] | tuple[Any, ...], place: str, depth: int) -> str:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                return f"the key {key!r} at {place} is not text"
            if reason := json_problem(item, f"{place}.{key}", depth):
                return reason
        return ""
    for index, item in enumerate(value):
        if reason := json_problem(item, f"{place}[{index}]", depth):
            return reason
    return ""


class OBJECT(IntermediateType):
    """Any Python object, as it is. Only unchecked edges carry it: no contract, file or service can hold it."""

    __slots__ = ()

    @classmethod
    def python_cast_function(cls, value: Any) -> Any:
        """Return the very object."""
        return value


class NULL(IntermediateType):
    """The type of a null of which nothing else is known; it fits every nullable column."""

    __slots__ = ()

    @classmethod
    def python_cast_function(cls, value: Any) -> Any:
        """Raise: the only value is null."""
        raise cast_error(cls, value, "only null is")
