"""Types of every family with their parameters, and values of a type, at the edges above all."""

import struct
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from ipaddress import IPv6Address, ip_address
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from nanotyped.types import intermediate as it
from nanotyped.types.base import DataType

Type = type[DataType]

CHARSETS = (None, "ascii", "latin1", "greek", "cp1251", "gbk", "utf8mb3", "utf8mb4", "ucs2", "utf16", "utf32")
LENGTHS = (0, 1, 2, 3, 4, 5, 7, 8, 12, 16, 36, 64, 255, 16383, 65535)
MEMBERS = ("", "a", "b", "é", "я", "a b", "emoji 😀", "it's", "x" * 40, " lead", "trail ")
CHARACTERS = "az09 éüßяΩ漢字€\x81\u02bc\xa4\ufffd😀𐍈'\\\n\0"
_DAY = st.dates(date(1000, 1, 1), date(9999, 12, 31))


def integers() -> st.SearchStrategy[Type]:
    """Return INTEGER types."""
    return st.builds(lambda bits, unsigned: it.INTEGER.of(bits=bits, unsigned=unsigned), _bits(), st.booleans())


def _bits() -> st.SearchStrategy[int | None]:
    return st.sampled_from([None, *it.INTEGER_BITS])


@st.composite
def decimals(draw: st.DrawFn) -> Type:
    """Return DECIMAL types."""
    unsigned = draw(st.booleans())
    if draw(st.integers(0, 9)) == 0:
        return it.DECIMAL.of(unsigned=unsigned)
    precision = draw(st.sampled_from([1, 2, 3, 4, 5, 8, 10, 19, 20, 21, 38, 65]))
    scale = draw(st.integers(0, min(precision, it.MAX_SCALE)))
    return it.DECIMAL.of(precision=precision, scale=scale, unsigned=unsigned)


@st.composite
def floats(draw: st.DrawFn) -> Type:
    """Return FLOAT types."""
    given: dict[str, Any] = {"bits": draw(st.sampled_from([None, 32, 64])), "unsigned": draw(st.booleans())}
    if given["bits"] and draw(st.integers(0, 3)) == 0:
        given["precision"] = draw(st.integers(1, 12))
        given["scale"] = draw(st.integers(0, given["precision"]))
    return it.FLOAT.of(**given)


@st.composite
def strings(draw: st.DrawFn) -> Type:
    """Return STRING types."""
    size = draw(st.sampled_from([{}, {"max_length": draw(_lengths())}, {"max_bytes": draw(_lengths())}]))
    return it.STRING.of(charset=draw(st.sampled_from(CHARSETS)), padded=draw(st.booleans()), **size)


def _lengths() -> st.SearchStrategy[int]:
    return st.sampled_from(LENGTHS)


@st.composite
def enums(draw: st.DrawFn) -> Type:
    """Return ENUM types."""
    charset = draw(st.sampled_from(CHARSETS))
    fitting = [member for member in MEMBERS if not it.STRING.of(charset=charset).text_problem(member)]
    members = draw(st.none() | st.lists(st.sampled_from(fitting), min_size=1, max_size=4, unique=True).map(tuple))
    return it.ENUM.of(members=members, charset=charset)


@st.composite
def blobs(draw: st.DrawFn) -> Type:
    """Return BYTES types."""
    length = draw(st.none() | _lengths())
    return it.BYTES.of(max_bytes=length, padded=length is not None and draw(st.booleans()))


def fractions() -> st.SearchStrategy[Type]:
    """Return types with a fraction of a second."""
    families = st.sampled_from([it.DATETIME, it.TIMESTAMP, it.TIME_INTERVAL])
    return st.builds(lambda family, fsp: family.of(fsp=fsp), families, st.none() | st.integers(0, 6))


@st.composite
def lenient_moments(draw: st.DrawFn) -> Type:
    """Return LENIENT_MOMENT types."""
    families = st.sampled_from([it.DATETIME, it.TIMESTAMP])
    moments = st.builds(lambda family, fsp: family.of(fsp=fsp), families, st.none() | st.integers(0, 6))
    moment = draw(st.none() | st.just(it.DATE) | moments)
    return it.LENIENT_MOMENT.of(moment=moment)


def bits() -> st.SearchStrategy[Type]:
    """Return BITS types."""
    return st.builds(
        lambda bits: it.BITS.of(bits=bits), st.none() | st.sampled_from([1, 2, 7, 8, 9, 16, 24, 32, 63, 64])
    )


@st.composite
def sets(draw: st.DrawFn) -> Type:
    """Return SET types."""
    if draw(st.integers(0, 9)) == 0:
        return it.SET
    charset = draw(st.sampled_from(CHARSETS))
    fitting = [member for member in MEMBERS if not it.STRING.of(charset=charset).text_problem(member)]
    members = draw(st.lists(st.sampled_from(fitting), min_size=1, max_size=5, unique=True))
    return it.SET.of(members=tuple(members), charset=charset)


def addresses() -> st.SearchStrategy[Type]:
    """Return INET types."""
    return st.builds(lambda version: it.INET.of(version=version), st.sampled_from([None, 4, 6]))


def geometries() -> st.SearchStrategy[Type]:
    """Return GEOMETRY types."""
    kinds = st.none() | st.sampled_from(list(it.GEOMETRY_CODES))
    return st.builds(lambda kind, srid: it.GEOMETRY.of(kind=kind, srid=srid), kinds, st.sampled_from([None, 0, 4326]))


def vectors() -> st.SearchStrategy[Type]:
    """Return VECTOR types."""
    return st.builds(lambda size: it.VECTOR.of(dimensions=size), st.sampled_from([None, 1, 2, 3, it.MAX_DIMENSIONS]))


def columns() -> st.SearchStrategy[Type]:
    """Return the intermediate types that a column can have."""
    plain = st.sampled_from([it.BOOL, it.DATE, it.JSON, it.YEAR, it.UUID])
    rarer = bits() | lenient_moments() | sets() | addresses() | geometries() | vectors()
    return st.one_of(integers(), decimals(), floats(), strings(), enums(), blobs(), fractions(), plain, rarer)


def any_type() -> st.SearchStrategy[Type]:
    """Return all intermediate types, OBJECT and NULL among them."""
    return columns() | st.sampled_from([it.OBJECT, it.NULL])


# -- values ----------------------------------------------------------------------


def _integer_values(kind: Any) -> st.SearchStrategy[int]:
    low = -(2**70) if kind.minimum is None else kind.minimum
    high = 2**70 if kind.maximum is None else kind.maximum
    edges = [edge for edge in (low, high, 0, 1, -1, 2**53, 2**24 + 1, -(2**63), 2**64 - 1) if low <= edge <= high]
    return st.sampled_from(edges) | st.integers(low, high)


@st.composite
def _decimal_values(draw: st.DrawFn, kind: Any) -> Decimal:
    precision = kind.precision or 70
    scale = draw(st.integers(0, 40)) if kind.scale is None else kind.scale
    top = 10**precision - 1
    low = 0 if kind.unsigned else -top
    digits = draw(st.sampled_from([low, 0, 1, top]) | st.integers(low, top))
    sign, shown, _ = Decimal(digits).as_tuple()
    return Decimal((sign, shown, -scale))


def _float_values(kind: Any) -> st.SearchStrategy[float]:
    width: Any = kind.bits or 64
    plain = st.floats(
        min_value=0.0 if kind.unsigned else None, allow_nan=False, allow_infinity=False, width=width
    ).filter(lambda number: not (kind.unsigned and str(number).startswith("-")))
    if kind.precision is None:
        return plain
    top = 10**kind.precision - 1
    whole = st.integers(0 if kind.unsigned else -top, top)
    numbers = whole.map(lambda digits: float(Decimal(digits).scaleb(-kind.scale)))
    return numbers.map(lambda number: _narrowed(number, width)).filter(lambda number: _takes(kind, number))


def _narrowed(number: float, width: int) -> float:
    return float(struct.unpack("f", struct.pack("f", number))[0]) if width == 32 else number


def _takes(kind: Type, value: object) -> bool:
    try:
        kind.python_cast_function(value)
    except ValueError:
        return False
    return True


@st.composite
def _text_values(draw: st.DrawFn, kind: Any) -> str:
    characters = [
        character for character in CHARACTERS if not it.STRING.of(charset=kind.charset).text_problem(character)
    ]
    limit = next((size for size in (kind.max_length, kind.max_bytes) if size is not None), 50)
    if limit and draw(st.booleans()):  # as long as it gets, of one character
        text = draw(st.sampled_from(characters)) * min(limit, 100_000)
    else:
        text = draw(st.text(st.sampled_from(characters), max_size=min(limit, 20)))
    if kind.padded:
        text = text.rstrip(" ")
    while not _takes(kind, text):
        text = text[: len(text) * 3 // 4]
        text = text.rstrip(" ") if kind.padded else text
    return text


def _enum_values(kind: Any) -> st.SearchStrategy[str]:
    return _text_values(it.STRING.of(charset=kind.charset)) if kind.members is None else st.sampled_from(kind.members)


def _bytes_values(kind: Any) -> st.SearchStrategy[bytes]:
    high = 40 if kind.max_bytes is None else kind.max_bytes
    if kind.padded:
        return st.binary(max_size=8).map(lambda value: value[:high].ljust(high, b"\0"))
    return st.binary(max_size=min(high, 40)) | st.just(b"\xff" * high)


def _whole_fraction(kind: Any) -> int:
    digits: int = 6 if kind.fsp is None else kind.fsp
    return int(10 ** (6 - digits))


def _naive(kind: Any) -> st.SearchStrategy[datetime]:
    unit = _whole_fraction(kind)
    return st.datetimes(datetime(1000, 1, 2), datetime(9999, 12, 30)).map(
        lambda moment: moment.replace(microsecond=moment.microsecond // unit * unit, fold=0)
    )


def _datetime_values(kind: Any) -> st.SearchStrategy[datetime]:
    if kind.family is it.TIMESTAMP:
        return _naive(kind).map(lambda moment: moment.replace(tzinfo=UTC))
    naive = _naive(kind)
    return naive | naive.map(lambda moment: moment.replace(tzinfo=UTC)) if kind.fsp is None else naive


@st.composite
def _lenient_values(draw: st.DrawFn, kind: Any) -> Any:
    """Return moments of the type, and invalid ones; those of a timestamp are all zeros."""
    family = kind.moment.family
    if draw(st.booleans()):
        return draw(_VALUES[family](kind.moment))
    if family is it.TIMESTAMP:
        return it.InvalidDate("0000-00-00 00:00:00")
    day = draw(st.sampled_from(["0000-00-00", "2021-02-30", "2021-00-31", "0000-01-01", "9999-12-00"]))
    if family is it.DATE or (kind.is_bare() and draw(st.booleans())):
        return it.InvalidDate(day)
    fraction = draw(st.text("0123456789", max_size=6 if kind.moment.fsp is None else kind.moment.fsp))
    return it.InvalidDate(f"{day} 23:59:5{draw(st.integers(0, 9))}{'.' if fraction else ''}{fraction}")


def _span_values(kind: Any) -> st.SearchStrategy[timedelta]:
    if kind.fsp is None:
        return st.timedeltas() | st.sampled_from([timedelta.min, timedelta.max])
    unit = _whole_fraction(kind)
    top = it.MAX_TIME // timedelta(microseconds=1) // unit
    numbers = st.sampled_from([-top, -1, 0, 1, top]) | st.integers(-top, top)
    return numbers.map(lambda number: timedelta(microseconds=number * unit))


def _bits_values(kind: Any) -> st.SearchStrategy[int]:
    return st.sampled_from([0, 1, kind.maximum]) | st.integers(0, kind.maximum)


def _set_values(kind: Any) -> st.SearchStrategy[frozenset[str]]:
    members = MEMBERS if kind.members is None else kind.members
    return st.just(frozenset(members)) | st.frozensets(st.sampled_from(members))


def _address_values(kind: Any) -> st.SearchStrategy[Any]:
    edges: list[Any] = ["0.0.0.0", "255.255.255.255", "::", "::1.2.3.4", "::ffff:1.2.3.4", "2001:db8::1:0:0:1"]
    known = st.sampled_from([*map(ip_address, edges), IPv6Address(2**128 - 1)])
    return known.filter(lambda address: kind.version in (None, address.version)) | st.ip_addresses(v=kind.version)


def _coordinates() -> st.SearchStrategy[bytes]:
    return st.binary(min_size=16, max_size=16)


def _counted(parts: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Return a number of parts with the number before them."""
    return st.lists(parts, max_size=4).map(lambda found: struct.pack("<I", len(found)) + b"".join(found))


def _wkb(code: int) -> st.SearchStrategy[bytes]:
    head = struct.pack("<BI", 1, code)
    bodies: dict[int, Any] = {
        1: _coordinates,
        2: lambda: _counted(_coordinates()),
        3: lambda: _counted(_counted(_coordinates())),
        4: lambda: _counted(_wkb(1)),
        5: lambda: _counted(_wkb(2)),
        6: lambda: _counted(_wkb(3)),
        7: lambda: _counted(st.integers(1, 6).flatmap(_wkb)),
    }
    found: st.SearchStrategy[bytes] = bodies[code]().map(lambda body: head + body)
    return found


def _geometry_values(kind: Any) -> st.SearchStrategy[it.Geometry]:
    code = it.GEOMETRY_CODES.get(kind.kind)
    wkb = st.integers(1, 7).flatmap(_wkb) if code is None else _wkb(code)
    srid = st.sampled_from([0, 1, 4326, it.MAX_SRID]) if kind.srid is None else st.just(kind.srid)
    return st.builds(it.Geometry, srid, wkb)


def _vector_values(kind: Any) -> st.SearchStrategy[tuple[float, ...]]:
    numbers = st.floats(allow_nan=False, allow_infinity=False, width=32)
    return st.lists(numbers, min_size=1, max_size=min(kind.dimensions or 8, 8)).map(tuple)


def documents() -> st.SearchStrategy[Any]:
    """Return JSON documents, JSON_NULL among them."""
    leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | _decimal_values(it.DECIMAL)
    nested = st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    )
    return nested.map(lambda document: it.JSON_NULL if document is None else document)


_VALUES: dict[Type, Any] = {
    it.INTEGER: _integer_values,
    it.BOOL: lambda _kind: st.booleans(),
    it.DECIMAL: _decimal_values,
    it.FLOAT: _float_values,
    it.STRING: _text_values,
    it.ENUM: _enum_values,
    it.BYTES: _bytes_values,
    it.DATETIME: _datetime_values,
    it.TIMESTAMP: _datetime_values,
    it.DATE: lambda _kind: _DAY,
    it.LENIENT_MOMENT: _lenient_values,
    it.TIME_INTERVAL: _span_values,
    it.YEAR: lambda _kind: st.sampled_from([0, 1901, 2155]) | st.integers(1901, 2155),
    it.BITS: _bits_values,
    it.SET: _set_values,
    it.UUID: lambda _kind: st.sampled_from([UUID(int=0), UUID(int=2**128 - 1)]) | st.uuids(),
    it.INET: _address_values,
    it.GEOMETRY: _geometry_values,
    it.VECTOR: _vector_values,
    it.JSON: lambda _kind: documents(),
}


def values(kind: Type) -> st.SearchStrategy[Any]:
    """Return Python values of a type."""
    found: st.SearchStrategy[Any] = _VALUES[kind.intermediate_type.family](kind.intermediate_type)
    return found


@st.composite
def typed_values(draw: st.DrawFn) -> tuple[Type, Any]:
    """Return a type that a column can have, and a value of it."""
    kind = draw(columns())
    return kind, draw(values(kind))
