"""Columns of Python values as Arrow arrays, and back. A column is made at once wherever pyarrow can."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias
from uuid import UUID

from nanotyped.errors import TypeCastError, shown
from nanotyped.types import intermediate as it
from nanotyped.types.arrow.families import (
    ARROW_DECIMAL,
    ARROW_FLOAT,
    ARROW_JSON,
    ARROW_UUID,
    ArrowType,
    ArrowTypeSystem,
    load_pyarrow,
)
from nanotyped.types.arrow.moments import ARROW_DATE, ARROW_DURATION, ARROW_TIMESTAMP, FSP_OF_UNIT
from nanotyped.types.arrow.nested import ARROW_DICTIONARY, ARROW_RUN_END_ENCODED
from nanotyped.types.base import DataType, cast_error
from nanotyped.types.convert import json_text
from nanotyped.types.text import parse_text

if TYPE_CHECKING:
    import pyarrow as pa

    Coder: TypeAlias = Callable[[Any], Any]
    Values: TypeAlias = "pa.Array[Any]"

_EPOCH_DAY = date(1970, 1, 1).toordinal()
# What pyarrow and the code of cells raise for what is no value of the type; pyarrow's own are of these, too.
_BROKEN = (ValueError, TypeError, ArithmeticError, NotImplementedError)


# Why a cell of these cannot be read; pyarrow and Python have no words for it that say so.
_TOO_FAR: Mapping[type[DataType], str] = {
    ARROW_TIMESTAMP: "not from the year 1 to 9999",
    ARROW_DATE: "no whole day from the year 1 to 9999",
    ARROW_DURATION: "beyond a billion days",
}


class Broken(NamedTuple):
    """What stands in a column for a value that is none of its type: the value as text, and why."""

    shown: str
    reason: str


def arrow_type_of(kind: type[DataType]) -> type[ArrowType]:
    """Return the Arrow type of a column type of any system; an Arrow type is its own.

    Raises:
        IncompatibleTypesException: If Arrow has no such type.
    """
    if issubclass(kind, ArrowType):
        return kind
    return ArrowTypeSystem.from_intermediate(kind.intermediate_type, None)


# -- Python to Arrow -------------------------------------------------------------


def make_array(kind: type[DataType], values: Sequence[Any]) -> Values:
    """Return the array of values that are of a type, ``None`` for nulls.

    Raises:
        ValueError: If a value is none that the Arrow type holds, or all of them are too large for one array.
        ArithmeticError: As above.
        MissingExtraError: If pyarrow is not installed.
    """
    place = arrow_type_of(kind)
    arrow = load_pyarrow()
    members = getattr(kind.intermediate_type, "members", None)
    if place is ARROW_DICTIONARY and members is not None:
        return _enum_array(arrow, members, values)
    code = _encoder(kind, place)
    made: Values = _make(arrow, place, list(values) if code is None else _mapped(code, values))
    return made


def _enum_array(arrow: Any, members: Sequence[str], values: Sequence[Any]) -> Values:
    # All members, in their order, in every array: so arrays of one column go into one file.
    numbers = dict(zip(members, range(len(members)), strict=True))
    indices = arrow.array([None if value is None else numbers[value] for value in values], arrow.int32())
    made: Values = arrow.DictionaryArray.from_arrays(indices, arrow.array(members, arrow.string()))
    return made


def broken_cells(kind: type[DataType], values: Sequence[Any]) -> dict[int, Broken]:
    """Return the values of which ``make_array`` makes no array even alone, by their index."""
    found = {}
    for index, value in enumerate(values):
        try:
            make_array(kind, [value])
        except _BROKEN as error:
            found[index] = Broken(shown(value), _reason(error))
    return found


def _make(arrow: Any, place: Any, values: list[Any]) -> Any:
    if issubclass(place, ARROW_UUID | ARROW_JSON):
        target = place.make(arrow)
        return arrow.ExtensionArray.from_storage(target, _whole(arrow, values, target.storage_type))
    if issubclass(place, ARROW_RUN_END_ENCODED):
        return arrow.compute.run_end_encode(_make(arrow, place.values, values), place.run_ends.make(arrow))
    if issubclass(place, ARROW_DICTIONARY):
        encoded = _make(arrow, place.values, values).dictionary_encode()
        indices = encoded.indices.cast(place.indices.make(arrow))
        return arrow.DictionaryArray.from_arrays(indices, encoded.dictionary, ordered=place.ordered)
    return _whole(arrow, values, place.make(arrow))


def _whole(arrow: Any, values: list[Any], target: Any) -> Any:
    try:
        made = arrow.array(values, target)
    except arrow.ArrowCapacityError as error:
        raise ValueError(str(error)) from None
    if not isinstance(made, arrow.Array):  # but several, in chunks
        raise ValueError("a column of 2 GiB or more is no one array; give fewer rows in a batch")  # noqa: TRY004 - of values
    return made


def _mapped(code: Coder, values: Sequence[Any]) -> list[Any]:
    return [None if value is None else code(value) for value in values]


@cache
def _encoder(kind: type[DataType], place: type[ArrowType]) -> Coder | None:
    """Return what makes of a Python value what pyarrow stores for it; ``None`` where that is the value itself."""
    while issubclass(place, ARROW_DICTIONARY | ARROW_RUN_END_ENCODED):
        place = place.values
    # pyarrow cuts off what these do not hold.
    if (issubclass(place, ARROW_FLOAT) and place.bits == 16) or (
        issubclass(place, ARROW_DURATION) and place is not ARROW_DURATION
    ):
        return place.python_cast_function
    meaning: Any = kind.intermediate_type
    make = _ENCODERS.get(meaning.family)
    return make(meaning) if make is not None else None


_ENCODERS: Mapping[type[DataType], Callable[[Any], Coder]] = {
    it.SET: lambda meaning: meaning.ordered,
    it.UUID: lambda _: attrgetter("bytes"),
    it.INET: lambda _: it.address_text,
    it.JSON: lambda _: json_text,
    it.GEOMETRY: lambda _: lambda value: {"srid": value.srid, "wkb": value.wkb},
}


# -- Arrow to Python -------------------------------------------------------------


def read_array(kind: type[DataType], place: type[ArrowType], stored: Values) -> list[Any]:
    """Return the Python values of an array, ``None`` for nulls, and a ``Broken`` for what is none of the type.

    A value that is read may still be none of the type, such as too long a text: that is for the caller to check.

    Args:
        kind: The type of the column.
        place: The Arrow type of the array.
        stored: The array.

    Raises:
        MissingExtraError: If pyarrow is not installed.
    """
    arrow = load_pyarrow()
    code = _decoder(kind.intermediate_type, place)
    try:
        return _read(arrow, place, stored, code)
    except _BROKEN:
        return [_read_cell(arrow, place, stored.slice(index, 1), code) for index in range(len(stored))]


def _read(arrow: Any, place: type[ArrowType], stored: Any, code: Coder | None) -> list[Any]:
    values: list[Any] = _prepared(arrow, place, stored).to_pylist()
    if code is None:
        return values
    return _mapped(code, values) if stored.null_count or None in values else list(map(code, values))


def _read_cell(arrow: Any, place: type[ArrowType], stored: Any, code: Coder | None) -> Any:
    try:
        return _read(arrow, place, stored, code)[0]
    except _BROKEN as error:
        return Broken(_shown_cell(stored), _TOO_FAR.get(place.family, _reason(error)))


def _shown_cell(stored: Any) -> str:
    cell = stored[0]
    try:
        return shown(cell.as_py())
    except _BROKEN:  # a moment beyond the year 9999, text that is not UTF-8: show what stands there instead
        return shown(cell.as_buffer().to_pybytes() if hasattr(cell, "as_buffer") else getattr(cell, "value", None))


def _reason(error: Exception) -> str:
    return error.reason if isinstance(error, TypeCastError) else str(error)


def _prepared(arrow: Any, place: type[ArrowType], stored: Any) -> Any:
    """Return an array whose ``to_pylist`` is fast and gives what ``_decoder`` takes."""
    prepare = _PREPARED.get(place.family)
    return stored if prepare is None else prepare(arrow, place, stored)


def _prepared_decimal(arrow: Any, place: Any, stored: Any) -> Any:
    # Text takes half the time of the Decimals that pyarrow makes; it writes none of the narrower ones.
    return stored.cast(arrow.string()) if place.bits >= 128 else stored


def _prepared_moment(arrow: Any, place: Any, stored: Any) -> Any:
    # Text takes a seventh of the time of datetimes that pyarrow makes; its zone would be asked of a database.
    return stored.view(arrow.timestamp(place.unit)).cast(arrow.string())


def _prepared_date(arrow: Any, place: Any, stored: Any) -> Any:
    days = stored if place.bits == 32 else stored.cast(arrow.date32())
    # What wraps around is below 1, and so no day's number.
    return arrow.compute.add(days.view(arrow.int32()), _EPOCH_DAY)


_PREPARED: Mapping[type[DataType], Callable[[Any, Any, Any], Any]] = {
    ARROW_DICTIONARY: lambda arrow, place, stored: _prepared(arrow, place.values, stored.dictionary_decode()),
    ARROW_RUN_END_ENCODED: lambda arrow, place, stored: _prepared(
        arrow, place.values, arrow.compute.run_end_decode(stored)
    ),
    ARROW_UUID: lambda _arrow, _place, stored: stored.storage,
    ARROW_JSON: lambda _arrow, _place, stored: stored.storage,
    ARROW_DECIMAL: _prepared_decimal,
    ARROW_TIMESTAMP: _prepared_moment,
    ARROW_DATE: _prepared_date,
    ARROW_DURATION: lambda arrow, _place, stored: stored.view(arrow.int64()),
    ARROW_FLOAT: lambda arrow, place, stored: stored.cast(arrow.float32()) if place.bits == 16 else stored,
}


def _decoder(meaning: Any, place: type[ArrowType]) -> Coder | None:
    make = _DECODERS.get(meaning.family)
    return make(meaning, place) if make is not None else None


def _datetime(_meaning: Any, _place: Any) -> Coder:
    return datetime.fromisoformat


def _timestamp(_meaning: Any, _place: Any) -> Coder:
    read = datetime.fromisoformat
    return lambda text: read(text + "Z")


def _span(_meaning: Any, place: Any) -> Coder:
    while issubclass(place, ARROW_DICTIONARY | ARROW_RUN_END_ENCODED):
        place = place.values
    if place.unit == "us":
        return lambda number: timedelta(0, 0, number)
    per_second = 10 ** FSP_OF_UNIT[place.unit]
    return lambda number: timedelta(0, number // per_second, number % per_second * (10**it.MAX_FSP // per_second))


def _set(meaning: Any, _place: Any) -> Coder:
    def read(members: list[Any]) -> frozenset[str]:
        found: frozenset[str] = meaning.python_cast_function(members)
        if len(found) != len(members):
            raise cast_error(meaning, members, "a member stands twice in it")
        if meaning.members is None and meaning.ordered(found) != members:
            # Whoever wrote it did not say that it is a set, so its order may mean something.
            raise cast_error(meaning, members, "a set has no order; sort its members")
        return found

    return read


def _geometry(meaning: Any, _place: Any) -> Coder:
    def read(value: dict[str, Any]) -> it.Geometry:
        found: it.Geometry = meaning.python_cast_function((value["srid"], value["wkb"]))
        return found

    return read


_DECODERS: Mapping[type[DataType], Callable[[Any, Any], Coder]] = {
    it.DECIMAL: lambda _meaning, _place: Decimal,
    it.DATETIME: _datetime,
    it.TIMESTAMP: _timestamp,
    it.DATE: lambda _meaning, _place: date.fromordinal,
    it.TIME_INTERVAL: _span,
    it.SET: _set,
    it.UUID: lambda _meaning, _place: lambda value: UUID(bytes=value),
    it.INET: lambda meaning, _place: meaning.python_cast_function,
    it.VECTOR: lambda meaning, _place: meaning.python_cast_function,
    it.JSON: lambda meaning, _place: parse_text(meaning, "mysql"),
    it.GEOMETRY: _geometry,
}
