"""Schemas written as CREATE TABLE text."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nanotyped import BOOL, INTEGER, STRING, Row, Schema, mysql_type
from nanotyped.errors import DdlError
from nanotyped.row import Column, parse_schema
from nanotyped.row.ddl import key_problem
from nanotyped.types import OBJECT, MySQLTypeSystem
from nanotyped.types.mysql import MYSQL_VARCHAR
from tests.unit.types import strategies as any_


class Customer(Row):
    id: int
    name: str | None
    balance: Decimal
    at: datetime


def test_a_table_has_columns_and_a_key() -> None:
    """Types, nulls and the key are written, names quoted, and text is of all Unicode where it says nothing else."""
    schema = Schema(
        [
            Column("id", mysql_type("bigint(20) unsigned"), key=True),
            Column("a`b", mysql_type("enum('x','it''s')"), key=True),
            Column("note", mysql_type("varchar(9) character set latin1"), nullable=True),
            Column("at", mysql_type("point srid 4326")),
        ]
    )
    text = schema.to_ddl("or`ders")
    assert text == (
        "CREATE TABLE `or``ders` (\n"
        "  `id` bigint(20) unsigned NOT NULL,\n"
        "  `a``b` enum('x','it''s') NOT NULL,\n"
        "  `note` varchar(9) character set latin1 NULL,\n"
        "  `at` point /*!80003 srid 4326 */ NOT NULL,\n"
        "  PRIMARY KEY (`id`, `a``b`)\n"
        ") DEFAULT CHARSET=utf8mb4"
    )
    assert Schema.from_ddl(text, "or`ders") == schema


def test_types_of_other_systems_are_those_of_mysql_that_hold_them() -> None:
    """Python's and the intermediate ones become the narrowest, bare ones the widest."""
    schema = parse_schema({"n": INTEGER.of(bits=16, unsigned=True), "b": BOOL, "s": STRING.of(max_length=9).nullable()})
    assert Schema.from_ddl(schema.to_ddl("t")).spelling() == "n smallint unsigned, b tinyint(1), s varchar(9) null"
    assert Schema.from_ddl(Customer.schema.to_ddl("t")).spelling() == (
        "id bigint, name longtext null, balance decimal(65,30), at datetime(6)"
    )


def test_what_no_table_can_have_is_told_all_at_once() -> None:
    """Each column that MySQL has no type for, and each name that it does not take."""
    long = "x" * 65
    schema = Schema(
        [
            Column("o", OBJECT),
            Column("v", MYSQL_VARCHAR),
            Column("a", INTEGER),
            Column("A", INTEGER),
            Column(long, INTEGER),
            Column("x ", INTEGER),
            Column("😀", INTEGER),
            Column("", INTEGER),
        ]
    )
    with pytest.raises(DdlError) as caught:
        schema.to_ddl("t ")
    assert str(caught.value) == "\n  ".join(
        [
            "`t ` cannot be a table",
            "the name of a table does not end with a blank: `t `",
            "column `o`: no MySQL column holds `object`",
            "column `v`: MYSQL_VARCHAR stands for many column types; give it parameters",
            "columns `a` and `A` are one to a server, which minds no case",
            f"column `{long}`: the name of a column has at most 64 characters, not 65: `{long}`",
            "column `x `: the name of a column does not end with a blank: `x `",
            "column `😀`: the name of a column has characters of Unicode's basic plane only, and no NUL: '😀'",
            "column ``: the name of a column is empty",
        ]
    )
    assert {(problem.line, problem.column, problem.table) for problem in caught.value.problems} == {(0, 0, "t ")}


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ([], "a table has a column at least"),
        ([Column("a", mysql_type("int"), nullable=True, key=True)], "column `a` of the key may be null"),
        (
            [Column("a", mysql_type("text"), key=True)],
            "column `a` of the key: `text` has no length that a key can have; declare it varchar(n)",
        ),
        (
            [Column("a", STRING, key=True)],
            "column `a` of the key: `string` has no length that a key can have; declare it varchar(n)",
        ),
        (
            [Column("a", mysql_type("json"), key=True)],
            "column `a` of the key: `json` has no length that a key can have; declare it varchar(n)",
        ),
        (
            [Column("a", mysql_type("binary(0)"), key=True)],
            "column `a` of the key: `binary(0)` holds nothing, and no key can be made of it",
        ),
        (
            [Column("a", mysql_type("varchar(500)"), key=True), Column("b", mysql_type("varbinary(1100)"), key=True)],
            "the key has 3100 bytes, of which servers take 3072",
        ),
    ],
)
def test_a_key_that_no_server_takes_is_refused(columns: list[Column], reason: str) -> None:
    """It would be refused by the server, later."""
    with pytest.raises(DdlError) as caught:
        Schema(columns).to_ddl("t")
    assert str(caught.value) == f"`t` cannot be a table\n  {reason}"


NAMES = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
COLUMNS = st.lists(
    st.builds(Column, NAMES.map(lambda name: name[:20] + "x"), any_.columns(), nullable=st.booleans()),
    min_size=1,
    max_size=5,
    unique_by=lambda column: column.name.lower(),
)


@settings(max_examples=150)
@given(COLUMNS, NAMES.map(lambda name: name[:20] + "x"), st.sets(st.integers(0, 4)))
def test_what_is_written_is_read(columns: list[Column], table: str, key: set[int]) -> None:
    """The text of any schema of MySQL types, as introspection gives them, is read as an equal one."""
    try:
        kinds = [mysql_type(MySQLTypeSystem.from_intermediate(column.type, None).spelling()) for column in columns]
    except (TypeError, ValueError):  # MySQL has no such type: what to_ddl says then is tested above
        assume(False)
    schema = Schema(
        Column(column.name, _as_introspected(kind), nullable=column.nullable and index not in key, key=index in key)
        for index, (column, kind) in enumerate(zip(columns, kinds, strict=True))
    )
    assume(not key_problem(schema))
    assert Schema.from_ddl(schema.to_ddl(table), table) == schema


def _as_introspected(kind: any_.Type) -> any_.Type:
    return kind.of(charset=None) if getattr(kind, "charset", None) == "utf8mb4" else kind
