"""The intermediate types: what values mean, apart from how a database or a language spells them.

Every other type maps into one of these (``intermediate_type``), and all comparison of types (``compat``) is done here.
A bare family (``INTEGER``) stands for any of its members; ``INTEGER.of(bits=32)`` is one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from nanotyped.types.charsets import CHARSETS
from nanotyped.types.intermediate.documents import JSON, JSON_NULL, NULL, OBJECT, JsonNull, json_problem
from nanotyped.types.intermediate.moments import DATE, DATETIME, MAX_FSP, MAX_TIME, TIME_INTERVAL, TIMESTAMP
from nanotyped.types.intermediate.numbers import (
    BOOL,
    DECIMAL,
    FLOAT,
    FLOAT_BITS,
    INTEGER,
    INTEGER_BITS,
    MAX_DECIMAL_DIGITS,
    MAX_SCALE,
    is_float32,
)
from nanotyped.types.intermediate.system import IntermediateType, IntermediateTypeSystem
from nanotyped.types.intermediate.texts import BYTES, ENUM, MAX_LENGTH, STRING

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
    TIME_INTERVAL,
    JSON,
    OBJECT,
    NULL,
)
INTERMEDIATE_FAMILIES: Mapping[str, type[DataType]] = {family.__name__: family for family in _FAMILIES}

__all__ = [
    "BOOL",
    "BYTES",
    "CHARSETS",
    "DATE",
    "DATETIME",
    "DECIMAL",
    "ENUM",
    "FLOAT",
    "FLOAT_BITS",
    "INTEGER",
    "INTEGER_BITS",
    "INTERMEDIATE_FAMILIES",
    "JSON",
    "JSON_NULL",
    "MAX_DECIMAL_DIGITS",
    "MAX_FSP",
    "MAX_LENGTH",
    "MAX_SCALE",
    "MAX_TIME",
    "NULL",
    "OBJECT",
    "STRING",
    "TIMESTAMP",
    "TIME_INTERVAL",
    "IntermediateType",
    "IntermediateTypeSystem",
    "JsonNull",
    "is_float32",
    "json_problem",
]
