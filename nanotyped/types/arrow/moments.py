"""The Arrow families of dates, moments and spans."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from nanotyped.types import intermediate as it
from nanotyped.types.arrow.families import ArrowType, check_choice
from nanotyped.types.base import DataType, cast_error

# Seconds, milliseconds, microseconds; a nanosecond is finer than any intermediate type.
FSP_OF_UNIT: Mapping[str, int] = {"s": 0, "ms": 3, "us": 6}
# One zone under several names: what the format's description (Schema.fbs, "Timestamp") lets stand for UTC.
UTC_ZONES = ("UTC", "+00:00", "Etc/UTC", "Z")


class ARROW_DATE(ArrowType):
    """``date32[day]``, ``date64[ms]``. Parameter: ``bits`` (32, 64)."""

    __slots__ = ()
    parameter_names = ("bits",)
    python_type = it.DATE.python_type
    means = it.DATE
    bits: ClassVar[int] = 32

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters, checked."""
        check_choice(parameters, "bits", (32, 64))
        return dict(parameters)

    @classmethod
    def spelling(cls) -> str:
        """Return the type as ``str`` of pyarrow's spells it."""
        return "date32[day]" if cls.bits == 32 else "date64[ms]"

    @classmethod
    def make(cls, arrow: Any) -> Any:
        """Return the type out of the module ``pyarrow``."""
        return arrow.date32() if cls.bits == 32 else arrow.date64()


class ARROW_TIMESTAMP(ArrowType):
    """``timestamp[us]``, which has no zone, and ``timestamp[us, tz=UTC]``. Parameters: ``unit``, ``tz``."""

    __slots__ = ()
    parameter_names = ("unit", "tz")
    python_type = it.DATETIME.python_type
    unit: ClassVar[str] = "us"
    tz: ClassVar[str | None] = None

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters, checked."""
        if parameters.get("unit") == "ns":
            raise ValueError("nanoseconds are finer than any type; cast it to timestamp[us]")
        check_choice(parameters, "unit", FSP_OF_UNIT)
        if parameters.get("tz", "UTC") not in UTC_ZONES:
            raise ValueError(f"its zone, {parameters['tz']}, would be lost; cast it to timestamp[us, tz=UTC]")
        return dict(parameters)

    @classmethod
    def spelling(cls) -> str:
        """Return the type as ``str`` of pyarrow's spells it."""
        return f"timestamp[{cls.unit}{'' if cls.tz is None else f', tz={cls.tz}'}]"

    @classmethod
    def to_intermediate_class(cls) -> type[DataType]:
        """Return the intermediate type of the same values."""
        family = it.DATETIME if cls.tz is None else it.TIMESTAMP
        return family.of(fsp=FSP_OF_UNIT[cls.unit])

    @classmethod
    def make(cls, arrow: Any) -> Any:
        """Return the type out of the module ``pyarrow``."""
        return arrow.timestamp(cls.unit, cls.tz)


class ARROW_DURATION(ArrowType):
    """``duration[us]``. Parameter: ``unit``. It goes beyond the 838 hours that a TIME of MySQL has."""

    __slots__ = ()
    parameter_names = ("unit",)
    python_type = it.TIME_INTERVAL.python_type
    means = it.TIME_INTERVAL
    unit: ClassVar[str] = "us"

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters, checked."""
        if parameters.get("unit") == "ns":
            raise ValueError("nanoseconds are finer than any type; cast it to duration[us]")
        check_choice(parameters, "unit", FSP_OF_UNIT)
        return dict(parameters)

    @classmethod
    def spelling(cls) -> str:
        """Return the type as ``str`` of pyarrow's spells it."""
        return f"duration[{cls.unit}]"

    @classmethod
    def python_cast_function(cls, value: Any) -> Any:
        """Return a timedelta, as TIME_INTERVAL does, of whole units."""
        span = super().python_cast_function(value)
        if span.microseconds % 10 ** (it.MAX_FSP - FSP_OF_UNIT[cls.unit]):
            raise cast_error(cls, value, f"more than {FSP_OF_UNIT[cls.unit]} digits of a second's fraction")
        return span

    @classmethod
    def make(cls, arrow: Any) -> Any:
        """Return the type out of the module ``pyarrow``."""
        return arrow.duration(cls.unit)
