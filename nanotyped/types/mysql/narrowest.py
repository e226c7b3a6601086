"""The narrowest column type for every value of an intermediate type; the widest for a bare family."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nanotyped.errors import IncompatibleTypesException
from nanotyped.types import intermediate as it
from nanotyped.types.mysql import members, moments, numbers, rarer, texts
from nanotyped.types.mysql.system import MySQLType, MySQLTypeSystem

if TYPE_CHECKING:
    from datetime import datetime

    from nanotyped.types.base import DataType

# A row has 65535 bytes in all; a length and the null bits take three of them (MySQL 8.4 manual 10.4.7).
MAX_VARYING_BYTES = 65532
MAX_BARE_SCALE = 30  # MySQL; MariaDB goes to 38
MAX_DIGITS = 65

_INTEGERS: dict[int, type[numbers.MYSQL_INTEGER_BASE]] = {
    8: numbers.MYSQL_TINYINT,
    16: numbers.MYSQL_SMALLINT,
    24: numbers.MYSQL_MEDIUMINT,
    32: numbers.MYSQL_INTEGER,
    64: numbers.MYSQL_BIGINT,
}


def _integer(kind: Any, value: int | None) -> type[MySQLType]:
    if kind.bits is not None:
        return _INTEGERS[kind.bits].of(unsigned=kind.unsigned)
    number = value or 0
    if not kind.unsigned and -(2**63) <= number < 2**63:
        return numbers.MYSQL_BIGINT
    if 0 <= number < 2**64:
        return numbers.MYSQL_BIGINT.of(unsigned=True)
    if len(str(abs(number))) <= MAX_DIGITS:
        return numbers.MYSQL_DECIMAL.of(precision=MAX_DIGITS, scale=0, unsigned=kind.unsigned)
    raise IncompatibleTypesException(f"no MySQL column holds an integer of more than {MAX_DIGITS} digits")


def _decimal(kind: Any, value: Decimal | None) -> type[MySQLType]:
    if kind.precision is not None:
        return numbers.MYSQL_DECIMAL.of(precision=kind.precision, scale=kind.scale, unsigned=kind.unsigned)
    number = value or Decimal(0)
    whole = max(number.adjusted() + 1, 0)
    exponent = number.as_tuple().exponent
    places = max(-exponent, 0) if isinstance(exponent, int) else MAX_DIGITS
    scale = min(MAX_BARE_SCALE, max(MAX_DIGITS - whole, 0))
    if places > scale or whole > MAX_DIGITS:
        raise IncompatibleTypesException(
            f"no MySQL column holds a decimal of {whole} digits before and {places} behind the point"
        )
    return numbers.MYSQL_DECIMAL.of(precision=MAX_DIGITS, scale=scale, unsigned=kind.unsigned)


def _float(kind: Any, _value: object) -> type[MySQLType]:
    family = numbers.MYSQL_FLOAT if kind.bits == 32 else numbers.MYSQL_DOUBLE
    return family.of(precision=kind.precision, scale=kind.scale, unsigned=kind.unsigned)


def _string(kind: Any, _value: object) -> type[MySQLType]:
    if kind.max_length is None:
        size = texts.MAX_BLOB if kind.max_bytes is None else kind.max_bytes
        return texts.smallest_text(size).of(charset=kind.charset)
    if kind.padded and kind.max_length <= texts.MAX_CHAR:
        return texts.MYSQL_CHAR.of(max_length=kind.max_length, charset=kind.charset)
    size = kind.max_length * it.CHARSETS[kind.charset or "utf8mb4"][1]
    if size <= MAX_VARYING_BYTES:
        return texts.MYSQL_VARCHAR.of(max_length=kind.max_length, charset=kind.charset)
    if size > texts.MAX_BLOB:
        raise IncompatibleTypesException(f"no MySQL column holds `{kind.spelling()}`")
    return texts.smallest_text(size).of(charset=kind.charset)


def _enum(kind: Any, value: object) -> type[MySQLType]:
    if kind.members is not None and members.member_problem(kind.members) is None:
        return members.MYSQL_ENUM.of(members=kind.members, charset=kind.charset)
    return _string(it.STRING.of(max_length=kind.max_length, charset=kind.charset), value)


def _bytes(kind: Any, _value: object) -> type[MySQLType]:
    if kind.max_bytes is None:
        return texts.MYSQL_LONGBLOB
    if kind.padded and kind.max_bytes <= texts.MAX_CHAR:
        return texts.MYSQL_BINARY.of(max_length=kind.max_bytes)
    if kind.max_bytes <= MAX_VARYING_BYTES:
        return texts.MYSQL_VARBINARY.of(max_length=kind.max_bytes)
    return texts.smallest_blob(kind.max_bytes)


def _datetime(kind: Any, value: datetime | None) -> type[MySQLType]:
    if kind.fsp is not None:
        return moments.MYSQL_DATETIME.of(fsp=kind.fsp)
    aware = value is not None and value.tzinfo is not None
    return (moments.MYSQL_TIMESTAMP if aware else moments.MYSQL_DATETIME).of(fsp=it.MAX_FSP)


def _timestamp(kind: Any, _value: object) -> type[MySQLType]:
    return moments.MYSQL_TIMESTAMP.of(fsp=it.MAX_FSP if kind.fsp is None else kind.fsp)


def _lenient(kind: Any, value: object) -> type[MySQLType]:
    if kind.is_bare():
        if isinstance(value, it.InvalidDate) and not value.has_time:
            return moments.MYSQL_LENIENT_MOMENT.of(moment=moments.MYSQL_DATE)
        return moments.MYSQL_LENIENT_MOMENT.of(moment=moments.MYSQL_DATETIME.of(fsp=it.MAX_FSP))
    return moments.MYSQL_LENIENT_MOMENT.of(moment=MySQLTypeSystem.from_intermediate(kind.moment, value))


def _time(kind: Any, _value: object) -> type[MySQLType]:
    return moments.MYSQL_TIME.of(fsp=it.MAX_FSP if kind.fsp is None else kind.fsp)


def _bits(kind: Any, _value: object) -> type[MySQLType]:
    return rarer.MYSQL_BIT.of(max_length=kind.bits or it.MAX_BITS)


def _set(kind: Any, _value: object) -> type[MySQLType]:
    if kind.members is None or members.set_member_problem(kind.members) is not None:
        raise IncompatibleTypesException(f"no MySQL column holds `{kind.spelling()}`")
    return members.MYSQL_SET.of(members=kind.members, charset=kind.charset)


def _inet(kind: Any, value: Any) -> type[MySQLType]:
    version = kind.version or getattr(value, "version", None)
    if version is None:
        return texts.MYSQL_VARCHAR.of(max_length=it.INET_LENGTHS[None], charset="ascii")
    return rarer.MYSQL_INET4 if version == 4 else rarer.MYSQL_INET6


def _geometry(kind: Any, _value: object) -> type[MySQLType]:
    return rarer.GEOMETRY_FAMILIES[kind.kind].of(srid=kind.srid)


def _vector(kind: Any, _value: object) -> type[MySQLType]:
    return rarer.MYSQL_VECTOR.of(dimensions=kind.dimensions or it.MAX_DIMENSIONS)


def _always(found: type[MySQLType]) -> Any:
    return lambda _kind, _value: found


_NARROWEST: dict[type[DataType], Any] = {
    it.INTEGER: _integer,
    it.BOOL: _always(numbers.MYSQL_BOOL),
    it.DECIMAL: _decimal,
    it.FLOAT: _float,
    it.STRING: _string,
    it.ENUM: _enum,
    it.BYTES: _bytes,
    it.DATETIME: _datetime,
    it.TIMESTAMP: _timestamp,
    it.DATE: _always(moments.MYSQL_DATE),
    it.LENIENT_MOMENT: _lenient,
    it.TIME_INTERVAL: _time,
    it.YEAR: _always(rarer.MYSQL_YEAR),
    it.BITS: _bits,
    it.SET: _set,
    it.UUID: _always(rarer.MYSQL_UUID),
    it.INET: _inet,
    it.GEOMETRY: _geometry,
    it.VECTOR: _vector,
    it.JSON: _always(texts.MYSQL_JSON),
    it.NULL: _always(moments.MYSQL_NULL),
}
MySQLTypeSystem.narrowest.update(_NARROWEST)
