"""SQLite: declared types, and the exact values behind what SQLite stores.

SQLite keeps five storage classes and takes a declared type for a suggestion (sqlite.org/datatype3.html). Here it is
the contract: MySQL's spellings mean what they mean in MySQL, and the habits of SQLite are understood beside them:
``INTEGER`` has 64 bits, ``FLOAT`` and ``REAL`` are doubles, ``TEXT``, ``VARCHAR`` and ``CHAR`` without a length take
any text, ``BLOB`` any bytes, ``NUMERIC`` and ``DECIMAL`` without digits any decimal, moments without digits six of
them. A column of no declared type is an ``SQLITE_ANY``, which no contract can hold.

Decimals, moments, spans, documents, sets (a JSON array), UUIDs and addresses are text in SQLite; years and bits are
INTEGER (text where an INTEGER has too few bits), geometries and vectors BLOB, as MySQL packs them. Moments are spelled
``YYYY-MM-DD HH:MM:SS[.f]``, timestamps so too, in UTC. A decimal that the column's affinity made a REAL is exact up to
15 digits and refused beyond.
"""

from __future__ import annotations

from nanotyped.types.sqlite import declared as _declared  # noqa: F401 - it fills the tables of the system
from nanotyped.types.sqlite.families import (
    SQLITE_ANY,
    SQLITE_BIT,
    SQLITE_BLOB,
    SQLITE_BOOLEAN,
    SQLITE_DATE,
    SQLITE_DATETIME,
    SQLITE_ENUM,
    SQLITE_GEOMETRY,
    SQLITE_INET,
    SQLITE_INTEGER,
    SQLITE_JSON,
    SQLITE_LENIENT_MOMENT,
    SQLITE_NULL,
    SQLITE_NUMERIC,
    SQLITE_REAL,
    SQLITE_SET,
    SQLITE_TEXT,
    SQLITE_TIME,
    SQLITE_TIMESTAMP,
    SQLITE_UUID,
    SQLITE_VECTOR,
    SQLITE_YEAR,
    SQLiteType,
    SQLiteTypeSystem,
)
from nanotyped.types.sqlite.stored import decoder, encoder

__all__ = [
    "SQLITE_ANY",
    "SQLITE_BIT",
    "SQLITE_BLOB",
    "SQLITE_BOOLEAN",
    "SQLITE_DATE",
    "SQLITE_DATETIME",
    "SQLITE_ENUM",
    "SQLITE_GEOMETRY",
    "SQLITE_INET",
    "SQLITE_INTEGER",
    "SQLITE_JSON",
    "SQLITE_LENIENT_MOMENT",
    "SQLITE_NULL",
    "SQLITE_NUMERIC",
    "SQLITE_REAL",
    "SQLITE_SET",
    "SQLITE_TEXT",
    "SQLITE_TIME",
    "SQLITE_TIMESTAMP",
    "SQLITE_UUID",
    "SQLITE_VECTOR",
    "SQLITE_YEAR",
    "SQLiteType",
    "SQLiteTypeSystem",
    "decoder",
    "encoder",
]
