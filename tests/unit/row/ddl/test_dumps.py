"""Texts of many statements: which tables they leave behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from nanotyped import Schema, parse_dump
from nanotyped.errors import DdlError

DUMPS = Path(__file__).parent / "dumps"


def dump(name: str) -> str:
    """Return a dump: that of MariaDB was printed by mysqldump 10.11, the others have the form of their tools."""
    return (DUMPS / name).read_text(encoding="utf-8")


def problems(text: str, *tables: str) -> list[str]:
    """Return every problem of a text."""
    with pytest.raises(DdlError) as caught:
        parse_dump(text, tables)
    return [str(problem) for problem in caught.value.problems]


def test_a_dump_of_mariadb() -> None:
    """Comments, rows, triggers, routines and views stand around the tables, and quote what looks like more of them."""
    found = parse_dump(dump("mariadb_10.sql"))
    assert {name: (schema.spelling(), schema.key) for name, schema in found.items()} == {
        "customers": ("id int(10) unsigned, email varchar(255), profile json null", ("id",)),
        "orders": (
            "id bigint(20) unsigned, customer int(10) unsigned null, state enum('new','it''s; paid'), "
            "total decimal(12,2), note text character set latin1 null, at timestamp(3), raw varbinary(40) null",
            ("id", "at"),
        ),
    }


def test_a_dump_of_mysql() -> None:
    """What stands in comments for newer servers is read; a table that stands in for a view is none."""
    found = parse_dump(dump("mysql_8.sql"))
    assert {name: (schema.spelling(), schema.key) for name, schema in found.items()} == {
        "order`s": (
            "my_row_id bigint unsigned, ref binary(16), total decimal(12,2) unsigned, paid tinyint(1), tags json null, "
            "where point srid 4326, label varchar(40) null, note text character set utf8mb3 null, at datetime(6) null",
            ("my_row_id",),
        )
    }


def test_keys_that_are_added_later() -> None:
    """PhpMyAdmin writes keys and AUTO_INCREMENT as changes of tables."""
    schema = Schema.from_ddl(dump("phpmyadmin_5.sql"), "lines")
    assert schema.spelling() == (
        "order_id int(11), id int(11), sku varchar(20) character set latin1 null, qty smallint(5) unsigned"
    )
    assert schema.key == ("order_id", "id")


def test_tables_are_chosen_by_name_in_that_order() -> None:
    """Others are not looked at, whatever is wrong with them."""
    text = "CREATE TABLE a (x int); CREATE TABLE b (y intt); CREATE TABLE c (z int); ALTER TABLE b DROP y"
    assert list(parse_dump(text, ["c", "a"])) == ["c", "a"]
    assert Schema.from_ddl(text, "a") == Schema.from_ddl("CREATE TABLE a (x int)")
    assert problems(text) == [
        "line 1, column 43: unknown type `intt` (did you mean `int`?)",
        "line 1, column 88: this change of a table is not read (known are ADD of a key, MODIFY of a column, "
        "AUTO_INCREMENT); dump the table as it is now",
    ]


def test_tables_that_are_not_there_are_all_told() -> None:
    """Each with the nearest name."""
    text = "CREATE TABLE orders (a int); CREATE VIEW v AS SELECT 1; CREATE TABLE gone (a int); DROP TABLE gone"
    assert problems(text, "v", "ordesr", "gone") == [
        "there is no table `gone`; its text tells none of views",
        "there is no table `ordesr`; did you mean `orders`?",
        "there is no table `v`; its text tells none of views",
    ]


def test_one_table_is_asked_for() -> None:
    """Where there is none, or more than one and no name, that is told; of no text nothing is made."""
    two = "CREATE TABLE a (x int); CREATE TABLE b (x int)"
    for text, reason in (("SELECT 1", "there is no CREATE TABLE"), (two, "there are 2 tables: `a`, `b`; say which")):
        with pytest.raises(DdlError) as caught:
            Schema.from_ddl(text)
        assert str(caught.value) == f"1 problem\n  {reason}"
    assert parse_dump("") == parse_dump(" ;; -- x\n;") == {}


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        ("CREATE TABLE t (a int); DROP TABLE t; CREATE TABLE t (b int)", "b int null"),
        ("CREATE TABLE t (a int); CREATE OR REPLACE TEMPORARY TABLE d.t (b int); DROP TABLE x, t", "b int null"),
        ("CREATE TABLE IF NOT EXISTS t (a int); CREATE TABLE IF NOT EXISTS t (b int)", "a int null"),
        ("USE d; CREATE TABLE t (a int); DROP TABLE e.t; drop tables if exists x, y", "a int null"),
        ("CREATE TABLE t (Ab int, c int); ALTER TABLE t MODIFY COLUMN aB bigint NOT NULL", "Ab bigint, c int null"),
        ("USE d; CREATE TABLE t (a int); USE `e`; DROP TABLE d.t; CREATE TABLE t (b int)", "b int null"),
        ("create table t (a int); ALTER TABLE t DISABLE KEYS, ENGINE=x; ALTER TABLE t ADD PRIMARY KEY (a)", "a int"),
        ("CREATE TABLE t (a int, b longtext); ALTER TABLE t ADD CHECK (json_valid(b))", "a int null, b json null"),
        ("DELIMITER $$\nCREATE TABLE t (a int)$$\ndelimiter ;\nINSERT INTO t VALUES ('$$;')", "a int null"),
        ("SELECT 'CREATE TABLE x (a int)', \"'\", `'`; /* ' */ # '\nCREATE/* x */TABLE t (a int) -- '", "a int null"),
        ("/*M!999999\\- enable the sandbox mode */\nCREATE TABLE t (a int /*!999999 NOT NULL */)", "a int null"),
        ("/*!50001 CREATE TABLE t (a int) */; CREATE UNIQUE INDEX i ON t (a)", "a int null"),
    ],
)
def test_the_last_state_of_a_table_counts(text: str, spelling: str) -> None:
    """Tables are made, changed, replaced and dropped in the order of the text."""
    [schema] = parse_dump(text).values()
    assert schema.spelling() == spelling


@pytest.mark.parametrize(
    "found",
    [
        (
            "CREATE TABLE t (a int);\nCREATE TABLE t (a int)",
            "line 2, column 14: table `t` is there already; give the text of one database, in which each name stands "
            "once",
        ),
        (
            "USE d; CREATE TABLE t (a int); USE e;\nCREATE TABLE t (a int)",
            "line 2, column 14: table `t` is there already; give the text of one database, in which each name stands "
            "once",
        ),
        (
            "CREATE TABLE t (a int);\nRENAME TABLE t TO u",
            "line 2, column 14: a table that is renamed is not followed; dump it as it is now",
        ),
        ("CREATE TABLE t (a int);\nALTER TABLE t ADD KEY (b)", "line 2, column 24: there is no column `b`"),
        # What was told of a table is not told again where it is altered.
        (
            "CREATE TABLE t (a intt, b decimal(5,9));\nALTER TABLE t MODIFY a int, MODIFY b int, ADD KEY (a, b)",
            "line 1, column 19: unknown type `intt` (did you mean `int`?)",
            "line 1, column 37: scale 9 is above precision 5",
        ),
        ("CREATE TABLE t (a int);\nALTER TABLE t MODIFY b int", "line 2, column 22: table `t` has no column `b`"),
        (
            "CREATE TABLE t (a int PRIMARY KEY);\nALTER TABLE t ADD PRIMARY KEY (a)",
            "line 2, column 19: a table has one primary key",
        ),
        (
            "INSERT INTO x VALUES ('a);\nCREATE TABLE t (a int)",
            "line 1, column 23: this is not closed, so that nothing behind it can be read",
        ),
        (
            "CREATE TABLE t (a int);\n/* x",
            "line 2, column 1: this is not closed, so that nothing behind it can be read",
        ),
    ],
)
def test_what_would_leave_a_wrong_schema_is_refused(found: tuple[str, ...]) -> None:
    """A change that is not followed is no schema of the table as it is."""
    text, *told = found
    assert problems(text) == told
