"""What MySQL refuses or changes where MariaDB takes it: each case was tried on MySQL 9.7, and what passes came back."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanotyped import JSON_NULL
from nanotyped.nodes.sql.limits import LONGEST_WHOLE_TIME, ServerLimits
from nanotyped.row import Column
from nanotyped.types import Geometry, mysql_type
from nanotyped.types.intermediate import MAX_TIME

MOMENTS = (datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), datetime(2038, 1, 19, tzinfo=UTC))
MARIADB = ServerLimits(MOMENTS, every_uuid=True)
MYSQL = ServerLimits(MOMENTS, every_uuid=True, longest_time=LONGEST_WHOLE_TIME, exact_json=False, every_geometry=False)
OTHER = "would become another number: integers of 64 bits and doubles are all that this server keeps in json"


def problem(text: str, value: Any) -> str:
    """Return why MySQL refuses a value of a column type, having held it to the type."""
    kind = mysql_type(text)
    found = MYSQL.problem_of(Column("v", kind))
    assert found is not None
    return found(kind(value).to_python())


def wkb(code: int, *parts: bytes) -> bytes:
    """Return a geometry of several parts."""
    return struct.pack("<BII", 1, code, len(parts)) + b"".join(parts)


POINT = struct.pack("<BIdd", 1, 1, 1.0, 2.0)
PLACES = [struct.pack("<dd", x, x * x) for x in range(4)]


def ring(points: int) -> bytes:
    """Return a ring of a polygon."""
    return struct.pack("<I", points) + b"".join(PLACES[:points])


@pytest.mark.parametrize("text", ["time(6)", "json", "geometry", "geometrycollection", "point srid 4326"])
def test_mariadb_takes_all_that_the_type_does(text: str) -> None:
    """Nothing is looked at where nothing can be refused."""
    assert MARIADB.problem_of(Column("v", mysql_type(text))) is None


@pytest.mark.parametrize("sign", [1, -1])
def test_no_fraction_is_added_to_the_longest_time(sign: int) -> None:
    """838:59:59 is kept, and a microsecond more is refused."""
    assert problem("time(6)", sign * LONGEST_WHOLE_TIME) == ""
    reason = "beyond 838:59:59, to which this server adds no fraction"
    assert problem("time(6)", sign * (LONGEST_WHOLE_TIME + timedelta(microseconds=1))) == reason
    assert problem("time(6)", sign * MAX_TIME) == reason


@pytest.mark.parametrize(
    "document",
    [
        *(0, -(2**63), 2**64 - 1, 10**22 // 10**4, True, JSON_NULL, "12345678901234567890.5", 0.1, 1e300, [], {}),
        *(Decimal("0.10"), Decimal("-0"), Decimal("1E+3"), Decimal("1E+22"), Decimal(18446744073709551615)),
        {"a": [None, {"b": Decimal("4.2")}]},
    ],
)
def test_a_document_whose_numbers_are_kept_is_taken(document: Any) -> None:
    """As equal numbers: the zeros behind a fraction are lost, which is no other number."""
    assert problem("json", document) == ""


@pytest.mark.parametrize(
    ("document", "number"),
    [
        (2**64, "18446744073709551616 at $"),
        (-(2**63) - 1, "-9223372036854775809 at $"),
        (Decimal(18446744073709551616), "18446744073709551616 at $"),
        (Decimal("12345678901234567890.5"), "12345678901234567890.5 at $"),
        ({"a": [1, {"b": Decimal("0.12345678901234567")}]}, "0.12345678901234567 at $.a[1].b"),
        ((1, 10**400), f"1{'0' * 79} at $[1]"),
        (Decimal("1E+400"), "1E+400 at $"),
        (Decimal("1E-400"), "1E-400 at $"),
    ],
)
def test_a_number_that_a_document_would_not_keep_is_refused_with_its_place(document: Any, number: str) -> None:
    """MySQL would round it and say nothing."""
    assert problem("json", document) == f"{number} {OTHER}; make it a text"


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_double_is_kept_in_a_document(number: float) -> None:
    """A float, and the decimal of its shortest digits."""
    assert problem("json", [number, Decimal(repr(number))]) == ""


@pytest.mark.parametrize(
    "body",
    [
        *(POINT, wkb(2, *PLACES[:2]), wkb(3, ring(4)), wkb(3, ring(4), ring(4)), wkb(4, POINT), wkb(7), wkb(7, wkb(7))),
        *(wkb(5, wkb(2, *PLACES)), wkb(6, wkb(3, ring(4)), wkb(3, ring(4)))),
    ],
)
def test_a_geometry_of_enough_parts_is_taken(body: bytes) -> None:
    """Rings that do not close are: the server does not look."""
    assert problem("geometry", Geometry(0, body)) == ""


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (wkb(2), "linestring of 0 points"),
        (wkb(2, PLACES[0]), "linestring of 1 points"),
        (wkb(3), "polygon of 0 rings"),
        (wkb(3, ring(0)), "ring of 0 points"),
        (wkb(3, ring(4), ring(3)), "ring of 3 points"),
        (wkb(4), "multipoint of 0 parts"),
        (wkb(5), "multilinestring of 0 parts"),
        (wkb(6), "multipolygon of 0 parts"),
        (wkb(6, wkb(3, ring(4)), wkb(3)), "polygon of 0 rings"),
        (wkb(7, POINT, wkb(7, wkb(3, ring(4)), wkb(2))), "linestring of 0 points"),
    ],
)
def test_a_geometry_of_too_few_parts_is_refused(body: bytes, reason: str) -> None:
    """MySQL would refuse the whole statement, and not say which row it means."""
    assert problem("geometry", Geometry(0, body)) == f"this server takes no {reason}"


def test_a_column_of_collections_takes_no_other_geometry() -> None:
    """A multipoint is a collection, a point is none."""
    assert problem("geometrycollection", Geometry(0, wkb(4, POINT))) == ""
    reason = "it is a point, and this server takes collections alone here"
    assert problem("geometrycollection", Geometry(0, POINT)) == reason
