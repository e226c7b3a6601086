"""Intermediate families of geometry and of vectors: GEOMETRY, VECTOR."""

from __future__ import annotations

import math
import struct
from array import array
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, ClassVar, NamedTuple

from nanotyped.types.base import cast_error
from nanotyped.types.intermediate.system import IntermediateType, check_range

MAX_SRID = 2**32 - 1
MAX_DIMENSIONS = 16383  # MySQL 9 manual 13.3.5; a MariaDB vector of more does not fit a row
# Kinds by their code in well-known binary (OGC 06-103r4, table 7), without the third and fourth dimension.
GEOMETRY_CODES: Mapping[str, int] = {
    "point": 1,
    "linestring": 2,
    "polygon": 3,
    "multipoint": 4,
    "multilinestring": 5,
    "multipolygon": 6,
    "geometrycollection": 7,
}
_KINDS = {code: kind for kind, code in GEOMETRY_CODES.items()}
# What the parts of a geometry of several are; anything for a collection.
_PARTS: Mapping[int, int | None] = {4: 1, 5: 2, 6: 3, 7: None}
_POINT_BYTES = 16
_MAX_DEPTH = 64  # of collections within collections
_HEAD = struct.Struct("<BI")
_COUNT = struct.Struct("<I")


class Geometry(NamedTuple):
    """A geometry: the number of its spatial reference system, and its well-known binary, little-endian."""

    srid: int
    wkb: bytes


class GEOMETRY(IntermediateType):
    """A geometry in the plane. Parameters: ``kind`` (``point`` …), ``srid``. Python: ``Geometry``.

    A ``geometrycollection`` takes geometries of every kind, as MariaDB's column does; what is assigned to one must be
    a collection of some kind, as MySQL's manual has it.
    """

    __slots__ = ()
    parameter_names = ("kind", "srid")
    python_type = Geometry
    kind: ClassVar[str | None] = None
    srid: ClassVar[int | None] = None

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters, checked."""
        if parameters.get("kind", "point") not in GEOMETRY_CODES:
            raise ValueError(f"kind must be one of {tuple(GEOMETRY_CODES)}, not {parameters['kind']!r}")
        check_range(parameters, "srid", 0, MAX_SRID)
        return dict(parameters)

    @classmethod
    def spelling(cls) -> str:
        """Return ``point srid 4326``, ``geometry``."""
        return f"{cls.kind or 'geometry'}{'' if cls.srid is None else f' srid {cls.srid}'}"

    @classmethod
    def python_cast_function(cls, value: Any) -> Geometry:
        """Return a geometry: of a ``Geometry`` or another pair of SRID and well-known binary."""
        match value:
            case (int() as srid, bytes() | bytearray() | memoryview() as wkb) if not isinstance(srid, bool):
                found = Geometry(srid, bytes(wkb))
            case _:
                raise cast_error(cls, value, "not a pair of an SRID and well-known binary")
        if reason := cls.problem(found):
            raise cast_error(cls, value, reason)
        return found

    @classmethod
    def problem(cls, value: Geometry) -> str:
        """Return why this geometry is none of the type, ``""`` if it is one."""
        if not 0 <= value.srid <= MAX_SRID:
            return f"the SRID {value.srid} is not from 0 to {MAX_SRID}"
        if cls.srid is not None and value.srid != cls.srid:
            return f"its SRID is {value.srid}"
        if reason := wkb_problem(value.wkb):
            return reason
        kind = _KINDS[_HEAD.unpack_from(value.wkb)[1]]
        return "" if cls.kind in (None, "geometrycollection", kind) else f"it is a {kind}"


class _NotWkbError(Exception):
    """Why some bytes are no well-known binary."""


def wkb_problem(wkb: bytes) -> str:
    """Return why some bytes are no well-known binary as servers keep it, ``""`` if they are.

    Numbers of parts and lengths are checked, geometrical sense (rings that close) is not.
    """
    try:
        end = _end_of(wkb, 0, None, 0)
    except _NotWkbError as error:
        return str(error)
    except struct.error:
        return "its well-known binary ends too early"
    return "" if end == len(wkb) else f"{len(wkb) - end} bytes behind its well-known binary"


def _end_of(wkb: bytes, position: int, wanted: int | None, depth: int) -> int:
    """Return where the geometry that begins at a position ends."""
    order, code = _HEAD.unpack_from(wkb, position)
    if order != 1:
        raise _NotWkbError("its well-known binary is not little-endian")
    if code not in _KINDS or wanted not in (None, code):
        raise _NotWkbError(f"its well-known binary has the code {code}, which is none of a geometry in the plane here")
    if depth > _MAX_DEPTH:
        raise _NotWkbError(f"collections more than {_MAX_DEPTH} deep")
    position += _HEAD.size
    if code == 1:
        return _skip(wkb, position, _POINT_BYTES)
    [count] = _COUNT.unpack_from(wkb, position)
    position += _COUNT.size
    if code == 2:
        return _skip(wkb, position, count * _POINT_BYTES)
    for _ in range(count):
        if code == 3:
            [points] = _COUNT.unpack_from(wkb, position)
            position = _skip(wkb, position + _COUNT.size, points * _POINT_BYTES)
        else:
            position = _end_of(wkb, position, _PARTS[code], depth + 1)
    return position


def _skip(wkb: bytes, position: int, size: int) -> int:
    if position + size > len(wkb):
        raise _NotWkbError("its well-known binary ends too early")
    return position + size


def pack_geometry(value: Geometry) -> bytes:
    """Return the form that MySQL and MariaDB store and send: four bytes of SRID, then well-known binary."""
    return value.srid.to_bytes(4, "little") + value.wkb


def unpack_geometry(packed: bytes) -> Geometry:
    """Return the geometry of what ``pack_geometry`` makes; whether it is one is for the type to say."""
    return Geometry(int.from_bytes(packed[:4], "little"), packed[4:])


class VECTOR(IntermediateType):
    """Floats of 32 bits in a row. Parameter: ``dimensions``. Python: ``tuple`` of ``float``.

    It has from one to ``dimensions`` numbers: a MySQL column takes fewer than it was declared with, a MariaDB column
    does not, so vectors of one length are not assignable to another.
    """

    __slots__ = ()
    parameter_names = ("dimensions",)
    python_type = tuple
    dimensions: ClassVar[int | None] = None

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameter, checked."""
        check_range(parameters, "dimensions", 1, MAX_DIMENSIONS)
        return dict(parameters)

    @classmethod
    def spelling(cls) -> str:
        """Return ``vector(3)`` or ``vector``."""
        return "vector" if cls.dimensions is None else f"vector({cls.dimensions})"

    @classmethod
    def python_cast_function(cls, value: Any) -> tuple[float, ...]:
        """Return a tuple of floats: of a list, a tuple or an array of numbers that 32 bits hold exactly."""
        if not isinstance(value, list | tuple | array):
            raise cast_error(cls, value, "not a list of numbers")
        numbers = tuple(_floats(value))
        if len(numbers) != len(value):
            raise cast_error(cls, value, "not a list of numbers")
        if reason := cls.problem(numbers):
            raise cast_error(cls, value, reason)
        return numbers

    @classmethod
    def problem(cls, numbers: tuple[float, ...]) -> str:
        """Return why these floats are no vector of the type, ``""`` if they are one."""
        if not numbers:
            return "it is empty"
        if cls.dimensions is not None and len(numbers) > cls.dimensions:
            return f"{len(numbers)} numbers, at most {cls.dimensions} fit"
        if not all(map(math.isfinite, numbers)):
            return "a number in it is not finite"
        try:
            exact = array("f", numbers).tolist() == list(numbers)
        except OverflowError:
            exact = False
        return "" if exact else "a number in it has more digits than 32 bits hold"


def _floats(values: Iterable[Any]) -> Iterable[float]:
    """Yield the values that are exactly some float."""
    for value in values:
        if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
            try:
                number = float(value)
            except (OverflowError, ValueError):
                return
            if number == value or not math.isfinite(number):
                yield number


def pack_vector(numbers: tuple[float, ...]) -> bytes:
    """Return the form that MySQL and MariaDB store and send: 32-bit floats, little-endian."""
    return struct.pack(f"<{len(numbers)}f", *numbers)


def unpack_vector(packed: bytes) -> tuple[float, ...] | None:
    """Return the floats of what ``pack_vector`` makes, ``None`` for anything else."""
    if len(packed) % 4:
        return None
    return struct.unpack(f"<{len(packed) // 4}f", packed)
