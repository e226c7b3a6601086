"""The intermediate system, and what its families share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nanotyped.types.base import DataSourceTypeSystem, DataType


class IntermediateTypeSystem(DataSourceTypeSystem):
    """The system that all others meet in."""

    __slots__ = ()
    system_name = "intermediate"

    @classmethod
    def from_intermediate(cls, intermediate: type[DataType], value: object) -> type[DataType]:  # noqa: ARG003 - its base's
        """Return the type itself: this is the intermediate system."""
        return intermediate


IntermediateTypeSystem.type_system = IntermediateTypeSystem


class IntermediateType(DataType, IntermediateTypeSystem, family=False):
    """What all intermediate families share: each is its own intermediate type."""

    __slots__ = ()

    def to_intermediate_type(self) -> DataType:
        """Return this very value."""
        return self


def check_range(parameters: Mapping[str, Any], name: str, low: int, high: int) -> None:
    """Raise ``ValueError`` if a parameter is given and is no whole number from ``low`` to ``high``."""
    value = parameters.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high):
        raise ValueError(f"{name} must be a whole number from {low} to {high}, not {value!r}")
