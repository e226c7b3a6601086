"""Intermediate families of what has no one shape: JSON, OBJECT, NULL."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar, Final, Self

from nanotyped.types.base import cast_error
from nanotyped.types.intermediate.system import IntermediateType


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


def json_problem(value: object, place: str = "$") -> str:
    """Return the first place at which a document is no JSON, ``""`` if there is none."""
    match value:
        case None | str() | int() | Decimal():
            return "" if not isinstance(value, Decimal) or value.is_finite() else f"{value} at {place} is not finite"
        case float():
            return "" if math.isfinite(value) else f"{value} at {place} is not finite"
        case Mapping():
            for key, item in value.items():
                if not isinstance(key, str):
                    return f"the key {key!r} at {place} is not text"
                if reason := json_problem(item, f"{place}.{key}"):
                    return reason
            return ""
        case list() | tuple():
            for index, item in enumerate(value):
                if reason := json_problem(item, f"{place}[{index}]"):
                    return reason
            return ""
    return f"{type(value).__name__} at {place} has no JSON form"


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
