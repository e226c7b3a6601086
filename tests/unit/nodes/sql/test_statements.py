from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy.dialects.mysql.pymysql import MySQLDialect_pymysql
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from nanotyped.nodes.sql.statements import Condition, TableQuery, check_parameters

if TYPE_CHECKING:
    from sqlalchemy.sql import ClauseElement

MYSQL = MySQLDialect_pymysql(paramstyle="pyformat")
SQLITE = SQLiteDialect_pysqlite()


def text_of(statement: ClauseElement, dialect: Any = MYSQL) -> tuple[str, dict[str, Any]]:
    """Return the SQL of a statement on one line, and its parameters."""
    compiled = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    return " ".join(str(compiled).split()), dict(compiled.params)


def test_pages_of_a_single_key() -> None:
    """The first page has an upper bound, the others a lower one beside it; all are ordered by the key."""
    query = TableQuery("orders", ("id", "city"))
    assert text_of(query.select_page(("id",), 500, first=True)) == (
        "SELECT id, city FROM orders WHERE id <= %(_upper_0)s ORDER BY id LIMIT %(param_1)s",
        {"_upper_0": None, "param_1": 500},
    )
    assert text_of(query.select_page(("id",), 500, first=False))[0] == (
        "SELECT id, city FROM orders WHERE id <= %(_upper_0)s AND id > %(_after_0)s ORDER BY id LIMIT %(param_1)s"
    )
    assert query.page_values(None, (9,)) == {"_upper_0": 9}
    assert query.page_values((3,), (9,)) == {"_upper_0": 9, "_after_0": 3}


def test_pages_of_a_composite_key() -> None:
    """A key of several columns is compared column by column, for which servers use its index; it is read along."""
    query = TableQuery("t", ("x",))
    sql, _ = text_of(query.select_page(("a", "b", "c"), 5, first=False))
    assert sql == (
        "SELECT x, a, b, c FROM t WHERE "
        "(a < %(_upper_0)s OR a = %(_upper_0)s AND (b < %(_upper_1)s OR b = %(_upper_1)s AND c <= %(_upper_2)s)) AND "
        "(a > %(_after_0)s OR a = %(_after_0)s AND (b > %(_after_1)s OR b = %(_after_1)s AND c > %(_after_2)s)) "
        "ORDER BY a, b, c LIMIT %(param_1)s"
    )
    assert query.page_columns(("a", "b", "c")) == ("x", "a", "b", "c")
    assert text_of(query.select_last_key(("a", "b")))[0] == (
        "SELECT a, b FROM t ORDER BY a DESC, b DESC LIMIT %(param_1)s"
    )


def test_a_followed_table_is_read_from_a_value_on() -> None:
    """The lowest value of the cursor column is wanted too, in every statement, beside the condition and the bounds."""
    query = TableQuery("t", ("x",), Condition("x > :_x", {"_x": 1}), since=("at", 7))
    order = ("at", "id")
    sql, values = text_of(query.select_page(order, 5, first=True))
    assert sql == (
        "SELECT x, at, id FROM t WHERE at >= %(__since_0)s AND (x > %(_x)s ) AND "
        "(at < %(__upper_0)s OR at = %(__upper_0)s AND id <= %(__upper_1)s) ORDER BY at, id LIMIT %(param_1)s"
    )
    assert values["__since_0"] == 7
    assert text_of(query.select_last_key(order))[0] == (
        "SELECT at, id FROM t WHERE at >= %(__since_0)s AND (x > %(_x)s ) ORDER BY at DESC, id DESC LIMIT %(param_1)s"
    )
    assert text_of(TableQuery("t", ("x",), since=("at", 7)).select_count(order))[0] == (
        "SELECT count(*) AS count_1 FROM (SELECT at, id FROM t WHERE at >= %(_since_0)s AND "
        "(at < %(_upper_0)s OR at = %(_upper_0)s AND id <= %(_upper_1)s)) AS anon_1"
    )
    assert text_of(TableQuery("t", ("x",)).select_first_key(order))[0] == (
        "SELECT at, id FROM t ORDER BY at, id LIMIT %(param_1)s"
    )


def test_floats_are_widened_by_the_server() -> None:
    """A column of single floats is read as a sum, of which the server prints every digit."""
    query = TableQuery("t", ("id", "f"), widened=frozenset({"f"}))
    assert text_of(query.select_all()) == ("SELECT id, f + 0e0 AS anon_1 FROM t", {})


def test_keys_are_compared_by_the_collation_of_their_index() -> None:
    """Where the index of a key has a collation of its own, bounds and order have it too."""
    query = TableQuery("t", ("name",), collations={"name": "NOCASE"})
    assert text_of(query.select_page(("name",), 5, first=False), SQLITE)[0] == (
        'SELECT name FROM t WHERE (name COLLATE "NOCASE") <= ? AND (name COLLATE "NOCASE") > ? '
        'ORDER BY name COLLATE "NOCASE" LIMIT ? OFFSET ?'
    )


def test_a_condition_keeps_its_parameters() -> None:
    """A condition stands in parentheses of its own; per cents, comments and bounds do not get in its way."""
    where = Condition("city LIKE 'x%' OR id = :_id -- it's", {"_id": 7})
    query = TableQuery("t", ("id",), where)
    sql, values = text_of(query.select_page(("id",), 5, first=True))
    assert sql == (
        "SELECT id FROM t WHERE (city LIKE 'x%%' OR id = %(_id)s -- it's ) AND id <= %(__upper_0)s "
        "ORDER BY id LIMIT %(param_1)s"
    )
    assert values["_id"] == 7
    assert query.page_values(None, (9,)) == {"__upper_0": 9}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a = :a AND b=:b1", {"a", "b1"}),
        ("a = ':a' AND b = \":b\" AND `:c` = :d", {"d"}),
        ("a = 'it''s :a' AND b = :b", {"b"}),
        ("a = '\\':a' AND b = :b", {"b"}),
        ("t = '12:30:00' AND d = :d", {"d"}),
        ("a = 1 /* :a */ AND b = :b -- :c\n AND d = :d # :e", {"b", "d"}),
        ("x := 3 AND a::b = :ö", {"ö"}),
        ("a IN (:a,:b)", {"a", "b"}),
        ("a = '\\:a' AND b = ':1 :x:' AND c = :c", {"c"}),
    ],
)
def test_parameters_stand_outside_of_quotes(text: str, names: set[str]) -> None:
    """A parameter is a colon and a name, outside of quotes and comments; all else reaches the server as written."""
    condition = Condition(text, dict.fromkeys(names, 1))
    assert condition.names() == names
    assert condition.problems() == []
    compiled = condition.clause().compile(dialect=MYSQL)
    assert set(compiled.params) == names
    assert str(compiled) % {name: f":{name}" for name in names} == f"({text}\n)"


def test_a_backslash_is_a_letter_in_sqlite() -> None:
    """In SQLite a text may end in a backslash; a parameter behind it is one."""
    text = r"a = '\' AND b = :b AND c = ':c'"
    assert Condition(text, {}, backslash_escapes=False).names() == {"b"}


def test_wrong_parameters_are_told_all_at_once() -> None:
    """Parameters that are missing and parameters that nobody asks for are named, each of them."""
    assert check_parameters("a = :a AND b = :b", {"b": 1, "c": 2, "d": 3}) == [
        "`where` asks for the parameter `:a`, which is not in `parameters`",
        "parameter `c` does not stand in `where`",
        "parameter `d` does not stand in `where`",
    ]
    assert check_parameters(None, {"a": 1}) == ["parameter `a` is given, but there is no `where`"]
    assert check_parameters("a = 1", {}) == []
    west = datetime.max.replace(tzinfo=timezone(-timedelta(hours=1)))
    assert check_parameters("a = :a", {"a": west}) == ["parameter `a` is not in the years 1 to 9999 in UTC"]


def test_identifiers_are_quoted() -> None:
    """Names that are keywords, or hold quotes, blanks, per cents or other letters, are quoted as the dialect does."""
    query = TableQuery("select", ("a`b", 'c"d', "50%", "ü ñ"))
    assert text_of(query.select_all())[0] == 'SELECT `a``b`, `c"d`, `50%%`, `ü ñ` FROM `select`'
    assert text_of(query.select_all(), SQLITE)[0] == 'SELECT "a`b", "c""d", "50%", "ü ñ" FROM "select"'
