"""The intermediate types: what values mean, apart from how a database or a language spells them.

Every other type maps into one of these (``intermediate_type``), and all comparison of types (``compat``) is done here.
A bare family (``INTEGER``) stands for any of its members; ``INTEGER.of(bits=32)`` is one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from nanotyped.types.charsets import CHARSETS
from nanotyped.types.intermediate.documents import (
    JSON,
    JSON_NULL,
    MAX_JSON_DEPTH,
    NULL,
    OBJECT,
    TOO_DEEP,
    JsonNull,
    json_problem,
)
from nanotyped.types.intermediate.identifiers import INET, INET_LENGTHS, UUID, UUID_LENGTH, Address, address_text
from nanotyped.types.intermediate.lenient import LENIENT_MOMENT, InvalidDate, read_invalid_date
from nanotyped.types.intermediate.moments import DATE, DATETIME, MAX_FSP, MAX_TIME, TIME_INTERVAL, TIMESTAMP, in_utc
from nanotyped.types.intermediate.numbers import (
    BITS,
    BOOL,
    DECIMAL,
    FIRST_YEAR,
    FLOAT,
    FLOAT_BITS,
    INTEGER,
    INTEGER_BITS,
    LAST_YEAR,
    MAX_BITS,
    MAX_DECIMAL_DIGITS,
    MAX_SCALE,
    YEAR,
    is_float32,
)
from nanotyped.types.intermediate.shapes import (
    GEOMETRY,
    GEOMETRY_CODES,
    MAX_DIMENSIONS,
    MAX_SRID,
    VECTOR,
    Geometry,
    pack_geometry,
    pack_vector,
    unpack_geometry,
    unpack_vector,
)
from nanotyped.types.intermediate.system import IntermediateType, IntermediateTypeSystem
from nanotyped.types.intermediate.texts import BYTES, ENUM, MAX_LENGTH, MAX_SET_MEMBERS, SET, STRING

if TYPE_CHECKING:
    from nanotyped.types.base import DataType

_FAMILIES: tuple[type[IntermediateType], ...] = (
    INTEGER,
    BOOL,
    DECIMAL,
    FLOAT,
    STRING,
    ENUM,
    BYTES,
    DATETIME,
    TIMESTAMP,
    DATE,
    LENIENT_MOMENT,
    TIME_INTERVAL,
    YEAR,
    BITS,
    SET,
    UUID,
    INET,
    GEOMETRY,
    VECTOR,
    JSON,
    OBJECT,
    NULL,
)
INTERMEDIATE_FAMILIES: Mapping[str, type[DataType]] = {family.__name__: family for family in _FAMILIES}

__all__ = [
    "BITS",
    "BOOL",
    "BYTES",
    "CHARSETS",
    "DATE",
    "DATETIME",
    "DECIMAL",
    "ENUM",
    "FIRST_YEAR",
    "FLOAT",
    "FLOAT_BITS",
    "GEOMETRY",
    "GEOMETRY_CODES",
    "INET",
    "INET_LENGTHS",
    "INTEGER",
    "INTEGER_BITS",
    "INTERMEDIATE_FAMILIES",
    "JSON",
    "JSON_NULL",
    "LAST_YEAR",
    "LENIENT_MOMENT",
    "MAX_BITS",
    "MAX_DECIMAL_DIGITS",
    "MAX_DIMENSIONS",
    "MAX_FSP",
    "MAX_JSON_DEPTH",
    "MAX_LENGTH",
    "MAX_SCALE",
    "MAX_SET_MEMBERS",
    "MAX_SRID",
    "MAX_TIME",
    "NULL",
    "OBJECT",
    "SET",
    "STRING",
    "TIMESTAMP",
    "TIME_INTERVAL",
    "TOO_DEEP",
    "UUID",
    "UUID_LENGTH",
    "VECTOR",
    "YEAR",
    "Address",
    "Geometry",
    "IntermediateType",
    "IntermediateTypeSystem",
    "InvalidDate",
    "JsonNull",
    "address_text",
    "in_utc",
    "is_float32",
    "json_problem",
    "pack_geometry",
    "pack_vector",
    "read_invalid_date",
    "unpack_geometry",
    "unpack_vector",
]
