"""Every family of column types against a real server: what is written is what is read, and is of the declared type."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nanotyped import NodeFailedError, RowValidationError, StreamMySQLTable
from nanotyped.types import intermediate as it
from nanotyped.types.compat import verdict
from nanotyped.types.convert import json_text
from nanotyped.types.mysql import mysql_type, render_ddl
from nanotyped.types.text import span_renderer
from tests.support.sql import describe, rows_of
from tests.unit.types import strategies as any_

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tests.support.mariadb import Database

SIXTY_THREE = ",".join(f"'m{number}'" for number in range(63))
SIXTY_FOUR = ",".join(f"'m{number}'" for number in range(64))
COLUMNS = (
    *("tinyint", "tinyint(1)", "smallint", "mediumint", "int", "bigint"),
    *("tinyint unsigned", "mediumint(5) unsigned zerofill", "bigint unsigned"),
    *("decimal(65,0)", "decimal(65,38)", "decimal(5,5)", "decimal(20,2) unsigned"),
    *("float", "float unsigned", "float(7,3)", "double", "double unsigned", "double(12,4)"),
    *("char(1)", "char(255)", "char(9) character set latin1", "varchar(0)", "varchar(500)"),
    *("varchar(40) character set greek", "varchar(40) character set utf8mb3", "varchar(40) character set utf32"),
    *("tinytext", "text", "mediumtext", "longtext", "text character set latin1"),
    *("binary(0)", "binary(16)", "varbinary(300)", "tinyblob", "blob", "mediumblob", "longblob"),
    *("date", "datetime", "datetime(3)", "datetime(6)", "time", "time(2)", "time(6)", "year"),
    *("enum('','a','it''s','é','€')", "enum('я','Я я') character set cp1251", "json"),
    *("bit(1)", "bit(7)", "bit(8)", "bit(9)", "bit(63)", "bit(64)"),
    *(
        "set('a')",
        "set('b','a','it''s','é')",
        "set('a','','b')",
        "set('','b')",
        f"set({SIXTY_FOUR})",
        "set('я') character set cp1251",
    ),
    *("uuid", "inet4", "inet6", "geometry", *it.GEOMETRY_CODES, "point srid 4326"),
)
_same: Callable[[Any, Any], Any] = lambda _kind, value: value  # noqa: E731 - of one line, as its neighbours
# What is bound where the driver has no spelling of its own that is exact; a set is its bits, first member lowest.
_BOUND: dict[any_.Type, Callable[[Any, Any], Any]] = {
    it.DECIMAL: lambda _kind, value: format(value, "f"),
    it.FLOAT: lambda _kind, value: repr(value),
    it.TIME_INTERVAL: lambda kind, value: span_renderer(kind)(value),
    it.SET: lambda kind, value: sum(1 << kind.members.index(member) for member in value),
    it.UUID: lambda _kind, value: str(value),
    it.INET: lambda _kind, value: it.address_text(value),
    it.GEOMETRY: lambda _kind, value: it.pack_geometry(value),
    it.JSON: lambda _kind, value: json_text(value),
}


def exactly(value: Any) -> str:
    """Return a text that differs for values that differ in anything: sign of a zero, scale, class."""
    match value:
        case float():
            return value.hex()
        case frozenset():
            return repr(sorted(value))
        case dict() | list() | it.JsonNull():
            return json_text(value)
    return f"{type(value).__name__} {value}"


def insert(database: Database, table: str, kinds: Sequence[Any], rows: Iterable[Sequence[Any]]) -> None:
    """Write rows as a client would into a table whose first column is their number."""
    meanings = [kind.intermediate_type for kind in kinds]
    bound = [(meaning, _BOUND.get(meaning.family, _same)) for meaning in meanings]
    places = ", ".join(["%s"] * (len(kinds) + 1))
    with database.connect(autocommit=False) as connection, connection.cursor() as cursor:
        cursor.execute("SET time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES'")
        for number, row in enumerate(rows):
            cells = zip(bound, row, strict=True)
            values = [None if value is None else bind(meaning, value) for (meaning, bind), value in cells]
            cursor.execute(f"INSERT INTO `{table}` VALUES ({places})", [number, *values])
        connection.commit()


def store(database: Database, kind: Any, values: list[Any]) -> None:
    """Make the table ``t`` with a column of this type and write the values as a client would."""
    database.execute(f"CREATE OR REPLACE TABLE t (id int PRIMARY KEY, v {render_ddl(kind)} NULL)")
    insert(database, "t", [kind], [[value] for value in values])


def storable(kind: any_.Type, value: Any) -> bool:
    """Return whether the server takes a value and keeps it as it is."""
    if kind.intermediate_type is it.UUID:  # MariaDB refuses some of a version above 7
        return bool(value.bytes[6] < 0x80 or not 0x01 <= value.bytes[8] <= 0x80)
    # MariaDB makes a zero of a negative zero.
    return not (isinstance(value, float) and value == 0 and str(value).startswith("-"))


@pytest.mark.parametrize("text", COLUMNS)
def test_what_is_written_is_read(database: Database, text: str) -> None:
    """Values of the type, its extremes among them, come back equal in class, scale and bits; so does a null."""
    kind = mysql_type(text)
    # A packet of the server holds 16 MB, which is less than these hold.
    drawn = mysql_type("blob") if text in ("mediumblob", "longblob") else kind
    column = st.lists(any_.values(drawn).filter(lambda value: storable(kind, value)), min_size=1, max_size=20)

    @settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(column)
    def check(values: list[Any]) -> None:
        store(database, kind, [*values, None])
        found = [value for _, value in rows_of(StreamMySQLTable(url=database.url, table="t"))]
        assert list(map(exactly, found)) == list(map(exactly, [*values, None]))

    check()


@pytest.mark.parametrize("text", COLUMNS)
def test_the_server_prints_a_type_that_means_the_same(database: Database, text: str) -> None:
    """What CREATE TABLE was given is read from information_schema with the same meaning, but for what it drops."""
    kind: Any = mysql_type(text)
    database.execute(f"CREATE TABLE t (v {render_ddl(kind)} NULL)")
    [found] = describe(database, "t").schema
    if text == "json":
        assert found.type.intermediate_type in (it.JSON, it.STRING.of(max_bytes=2**32 - 1))
        return
    expected = mysql_type("point") if text == "point srid 4326" else kind  # MariaDB takes it for a comment
    assert found.type.family is kind.family
    assert verdict(found.type, expected).passes
    assert verdict(expected, found.type).passes


def test_every_bit_of_a_set_is_a_member(database: Database) -> None:
    """All 64 members at once, each alone, and none."""
    kind: Any = mysql_type(f"set({SIXTY_FOUR})")
    values = [frozenset(kind.members), frozenset(), *(frozenset({member}) for member in kind.members)]
    store(database, kind, values)
    assert [value for _, value in rows_of(StreamMySQLTable(url=database.url, table="t"))] == values


def test_a_set_of_many_members_one_of_them_empty_is_refused_where_its_text_does_not_tell(database: Database) -> None:
    """Its number has more digits than a double, and the server prints two sets alike: neither is guessed."""
    kind = mysql_type(f"set('',{SIXTY_THREE})")
    for value in (frozenset(), frozenset({""}), frozenset({"m2"})):
        store(database, kind, [value])
        with pytest.raises(NodeFailedError) as caught:
            rows_of(StreamMySQLTable(url=database.url, table="t"))
        assert isinstance(caught.value.__cause__, RowValidationError)
        [problem] = caught.value.__cause__.problems
        assert problem.reason == "servers print it with and without the empty member alike"


@pytest.mark.parametrize("charset", ["utf8mb4", "latin1", "ucs2"])
@pytest.mark.parametrize("key", ["PRIMARY KEY", ""])
def test_the_error_value_of_an_enum_is_no_empty_member(database: Database, charset: str, key: str) -> None:
    """Both are printed as an empty text; the member is read, and the error value is refused with its row."""
    database.execute(
        f"CREATE TABLE t (id int {key}, v enum('a','','?') CHARACTER SET {charset} NULL)",
        "INSERT INTO t VALUES (1, ''), (2, NULL), (3, 'a'), (4, '?')",
    )
    source = StreamMySQLTable(url=database.url, table="t", name="read")
    assert sorted(rows_of(source)) == [(1, ""), (2, None), (3, "a"), (4, "?")]
    database.execute("SET sql_mode = ''", "INSERT IGNORE INTO t VALUES (5, 'no member')")
    with pytest.raises(NodeFailedError) as caught:
        rows_of(StreamMySQLTable(url=database.url, table="t", name="read"))
    assert isinstance(caught.value.__cause__, RowValidationError)
    [problem] = caught.value.__cause__.problems
    assert (problem.row, problem.column, problem.reason) == (5, "v", "not one of the members")
    assert problem.actual == "'index 0, the error value '"


def test_year_of_two_digits_is_refused_before_the_run(database: Database) -> None:
    """year(2) shows 0000 and 2000 alike."""
    database.execute("CREATE TABLE t (v year(2))")
    with pytest.raises(Exception, match=r"year\(2\) is not supported, for it shows 0000 and 2000 alike"):
        describe(database, "t")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("bit(3)", 8),
        ("year", 1900),
        ("year", 2156),
        ("uuid", "x"),
        ("inet4", "::1"),
        ("inet6", "1.2.3.4"),
        ("decimal(5,2)", Decimal(1000)),
        ("geometry", b"\0\0\0\0\1\1\0\0\0" + b"\0" * 15),
        ("linestring", it.pack_geometry(it.Geometry(0, b"\1\1\0\0\0" + b"\0" * 16))),
    ],
)
def test_what_the_type_refuses_the_server_refuses(database: Database, text: str, value: Any) -> None:
    """The limits here are the server's own."""
    kind = mysql_type(text)
    with pytest.raises(ValueError, match="is no `"):
        kind(it.unpack_geometry(value) if isinstance(value, bytes) else value)
    database.execute(f"CREATE TABLE t (v {render_ddl(kind)})")
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET sql_mode = 'STRICT_ALL_TABLES'")
        with pytest.raises(Exception, match=r"\d+"):
            cursor.execute("INSERT INTO t VALUES (%s)", (value,))
