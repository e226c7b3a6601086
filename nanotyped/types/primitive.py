"""Bare Python values as a type system of their own: where values come from that no other system knew yet."""

from __future__ import annotations

from typing import Any

from nanotyped.types.base import DataSourceTypeSystem, DataType


class PrimitiveTypeSystem(DataSourceTypeSystem):
    """Bare Python values, without any class around them."""

    __slots__ = ()
    system_name = "primitive"

    @classmethod
    def convert(cls, value: DataType) -> Any:
        """Return the bare Python value.

        Raises:
            TypeError: If ``value`` is no ``DataType``.
        """
        if not isinstance(value, DataType):
            raise TypeError(f"{cls.__name__}.convert needs a DataType, not {type(value).__name__}")
        return value.value


PrimitiveTypeSystem.type_system = PrimitiveTypeSystem
