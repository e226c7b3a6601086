"""The fast check of a column and the cast of its type, which say the same of every value."""

from ipaddress import IPv4Address, IPv6Address
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanotyped.errors import RowValidationError, TypeCastError
from nanotyped.row import Column, Schema
from nanotyped.row.validation import Validator
from nanotyped.types import intermediate as it
from nanotyped.types.mysql import mysql_type
from tests.unit.types import strategies as any_

POINT = b"\1\1\0\0\0" + b"\0" * 16
LINE = b"\1\2\0\0\0" + b"\0" * 4


def outcome(kind: any_.Type, value: object) -> str:
    """Return what a validator makes of one value, or that it refuses it."""
    try:
        [row] = Validator(Schema([Column("c", kind)])).rows([(value,)])
    except RowValidationError:
        return "refused"
    return repr(row.to_python()["c"])


@st.composite
def types_and_values_of_their_family(draw: st.DrawFn) -> tuple[any_.Type, Any]:
    """Return a type and a value of another type of its family, which often is a value of neither more nor less."""
    kind, others = draw(any_.columns()), draw(st.lists(any_.columns(), max_size=12))
    near = [other for other in others if other.family is kind.family]
    return kind, draw(any_.values(draw(st.sampled_from([kind, *near, kind.family]))))


@settings(max_examples=300)
@given(types_and_values_of_their_family())
def test_the_fast_check_agrees_with_the_cast(pair: tuple[any_.Type, Any]) -> None:
    """A value passes if, and only if, the type takes it; and it is then what the cast makes of it."""
    kind, value = pair
    try:
        expected = repr(kind.python_cast_function(value))
    except TypeCastError:
        expected = "refused"
    assert outcome(kind, value) == expected


@pytest.mark.parametrize(
    ("text", "right", "wrong", "reason"),
    [
        ("char(5)", "a b", "a ", "trailing blanks would be dropped"),
        ("char(5)", "a \0b", " ", "trailing blanks would be dropped"),
        ("binary(2)", b"ab", b"a", "1 bytes, it holds exactly 2"),
        ("double(5,2)", -999.99, 1.255, "more than 5 digits, 2 of them behind the point"),
        ("double(5,2)", 0.07, 1000.0, "more than 5 digits, 2 of them behind the point"),
        ("float(7,3)", 0.10000000149011612, 0.10009765625, "more than 7 digits, 3 of them behind the point"),
        ("year", 0, 1900, "neither 0 nor from 1901"),
        ("year", 2155, 2156, "above 2155"),
        ("bit(3)", 7, 8, "above 7"),
        ("bit(64)", 2**64 - 1, 2**64, "above 18446744073709551615"),
        ("set('a','')", frozenset({"a", ""}), frozenset("b"), "'b' is not one of the members"),
        ("inet4", IPv4Address("1.2.3.4"), IPv6Address("::1"), "a IPv4Address is needed, this is IPv6Address"),
        ("inet6", IPv6Address("::1"), IPv6Address("fe80::1%eth0"), "it has a zone"),
        ("uuid", UUID(int=1), "00000000-0000-0000-0000-000000000001", "a UUID is needed, this is str"),
        ("point", it.Geometry(1, POINT), it.Geometry(1, POINT + b"\0"), "1 bytes behind its well-known binary"),
        ("linestring", it.Geometry(1, LINE), it.Geometry(1, POINT), "it is a point"),
        ("vector(2)", (1.0, 0.5), (0.1,), "a number in it has more digits than 32 bits hold"),
        ("vector(2)", (3.4028234663852886e38,), (float("inf"),), "a number in it is not finite"),
        ("vector(2)", (1.0,), (), "it is empty"),
        ("float(3,0)", 999.0, -1000.0, "more than 3 digits, 0 of them behind the point"),
    ],
)
def test_what_a_server_would_change_in_silence_is_refused(text: str, right: Any, wrong: Any, reason: str) -> None:
    """Trailing blanks of CHAR, short values of BINARY, digits of FLOAT(M,D): the one wrong value is named."""
    validator = Validator(Schema([Column("c", mysql_type(text), nullable=True)]))
    values = [right, None, right]
    assert [row.to_python()["c"] for row in validator.rows([(value,) for value in values])] == values
    with pytest.raises(RowValidationError) as caught:
        validator.rows([(value,) for value in (*values, wrong)])
    assert [(problem.row, problem.column, problem.reason) for problem in caught.value.problems] == [(4, "c", reason)]


@pytest.mark.parametrize(
    ("text", "given_", "kept"),
    [
        ("set('a','b')", ["b", "a"], frozenset("ab")),
        ("point", (1, POINT), it.Geometry(1, POINT)),
        ("vector(2)", [1, 0.5], (1.0, 0.5)),
    ],
)
def test_lists_and_pairs_become_what_the_type_says(text: str, given_: Any, kept: Any) -> None:
    """A list for a set or a vector, a pair for a geometry: they are corrected, as a cast would."""
    [row] = Validator(Schema([Column("c", mysql_type(text))])).rows([(given_,)])
    found = row.to_python()["c"]
    assert (found, type(found)) == (kept, type(kept))
