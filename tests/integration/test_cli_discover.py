"""`nanotyped discover` on live tables, in a process of its own."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from nanotyped.nodes.sql.sqlite import SQLiteReader
from nanotyped.nodes.sql.table import check_url
from nanotyped.types import render_ddl
from nanotyped.types.mapping import MAPPED_TYPES
from nanotyped.types.mysql import mysql_type
from tests.integration.test_cli import run
from tests.support.sql import describe
from tests.unit.config.test_contracts import load, mypy_says

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.mariadb import Database

# What MariaDB 10.11 has no type for.
ELSEWHERE = {"vector(3)"}
YEAR = "# `y`: year(2) is not supported, for it shows 0000 and 2000 alike; make it year(4) at position 5 of `year(2)`"


def a_table_of_every_type(database: Database) -> None:
    """Make the table `every type`, with a column of each type, every other one nullable, and a table of odd columns."""
    texts = [text for text in MAPPED_TYPES if text not in ELSEWHERE]
    columns = [
        f"`{text.replace('`', '``')}` {render_ddl(mysql_type(text))} {'NULL' if number % 2 else 'NOT NULL'}"
        for number, text in enumerate(texts)
    ]
    database.execute(
        f"CREATE TABLE `every type` (id int unsigned PRIMARY KEY, {', '.join(columns)})",
        "CREATE TABLE Odd (`class` int, g char(2) CHARACTER SET swe7, y year(2), `a``b` text, `date` date NOT NULL)",
        "CREATE VIEW a_view AS SELECT id AS n FROM `every type`",
        "CREATE SEQUENCE counter",
    )


def test_the_python_of_live_tables_is_checked_imported_and_equal_to_them(database: Database, tmp_path: Path) -> None:
    """Every table and view is a Row class that mypy takes, with the live schema; the text is always the same."""
    a_table_of_every_type(database)
    status, out, err = run(tmp_path, "discover", "--url-env", "SHOP_URL", SHOP_URL=database.url)
    assert (status, err) == (0, "")
    assert run(tmp_path, "discover", database.url) == (0, out, "")
    path = tmp_path / "rows.py"
    path.write_text(out, encoding="utf-8")
    assert mypy_says(path) == ""
    classes = load(path)
    assert [cls.__name__ for cls in classes] == ["Odd", "AView", "EveryType"]
    odd, view, every = (cls.schema for cls in classes)
    assert every == describe(database, "every type").schema
    assert view == describe(database, "a_view").schema
    assert odd == describe(database, "Odd", ["class", "a`b", "date"]).schema
    assert out.split("\n\n\n")[1] == (
        "class Odd(Row):\n"
        '    """A row of `Odd`."""\n\n'
        "    # `g`: character set `swe7` is not supported at position 22 of `char(2) character set swe7`\n"
        f"    {YEAR}\n"
        '    class_: Annotated[int | None, mysql_type("int(11)")] = column(name="class")\n'
        '    a_b: Annotated[str | None, mysql_type("text")] = column(name="a`b")\n'
        '    date_: Annotated[date, mysql_type("date")] = column(name="date")'
    )


def test_the_yaml_of_live_tables_is_checked_and_run(database: Database, tmp_path: Path) -> None:
    """With paths behind it the file is a pipeline, which the live tables fit, and it runs."""
    database.execute(
        "CREATE TABLE orders (id bigint unsigned PRIMARY KEY, total decimal(12,2) NOT NULL, note text, y year(2))",
        "INSERT INTO orders VALUES (1, 2.5, 'x', 1)",
    )
    words = ("discover", "--url-env", "SHOP_URL", "orders", "--format", "yaml")
    status, out, err = run(tmp_path, *words, SHOP_URL=database.url)
    assert (status, err) == (0, "")
    assert out == (
        "nodes:\n"
        "  orders:\n"
        "    class: StreamMySQLTable\n"
        "    options:\n"
        '      url: "${SHOP_URL}"\n'
        "      table: orders\n"
        "    output_schema:\n"
        f"      {YEAR}\n"
        "      id: bigint(20) unsigned\n"
        "      total: decimal(12,2)\n"
        "      note: text null\n"
    )
    (tmp_path / "p.yaml").write_text(f"{out}  show: {{class: PrinterOfThings}}\npaths: [[orders, show]]\n")
    assert run(tmp_path, "check", "--connect", "--strict", "p.yaml", SHOP_URL=database.url) == (
        0,
        "p.yaml: ok (2 nodes, 1 edge)\n",
        "",
    )
    status, out, _ = run(tmp_path, "run", "p.yaml", SHOP_URL=database.url)
    assert status == 0
    assert "'2.50'" in out


def test_tables_of_sqlite_mean_the_same(tmp_path: Path) -> None:
    """Every column of the class means what the declared type means, and the tables of SQLite itself are left out."""
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute(
            "CREATE TABLE orders (id integer PRIMARY KEY AUTOINCREMENT, name varchar(20) NOT NULL, note text, "
            "price decimal(9,2) NOT NULL, paid boolean, at datetime(3), weight real, m money, raw blob NOT NULL)"
        )
    connection.close()
    status, out, err = run(tmp_path, "discover", "sqlite:///shop.db")
    assert (status, err) == (0, "")
    assert "sqlite_sequence" not in out
    path = tmp_path / "rows.py"
    path.write_text(out)
    assert mypy_says(path) == ""
    [cls] = load(path)
    reader = SQLiteReader(check_url(f"sqlite:///{tmp_path}/shop.db"))
    try:
        live = reader.describe("orders", ())
    finally:
        reader.close()
    assert live.refused == {"m": "unknown type `money` (did you mean `decimal(19,4)`?) at position 0 of `money`"}
    assert [meaning(column) for column in cls.schema] == [meaning(column) for column in live.schema]


def meaning(column: Any) -> tuple[Any, ...]:
    """Return what a column is, whatever system its type is of."""
    return column.name, column.type.intermediate_type, column.nullable, column.key


# -- what cannot be done -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["postgresql://u:s3cret@h/d"],
            "URL: no type system reads the column types of `postgresql`; these are known: ",
        ),
        (["s3cret"], "URL: url is not spelled dialect://user:password@host:port/database"),
        (["mysql://u:s3cret@h"], "URL: database must be named"),
        (["--url-env", "SHOP_ULR"], "the environment variable `SHOP_ULR` is not set; did you mean `SHOP_URL`?"),
        (["--url-env", "BAD_URL"], "BAD_URL: url is not spelled dialect://user:password@host:port/database"),
        (
            ["mysql://u:s3cret@h/d", "--format", "jsno"],
            "argument --format: unknown format `jsno`; known are python, yaml, sql",
        ),
    ],
)
def test_a_wrong_command_line_is_refused(tmp_path: Path, words: list[str], message: str) -> None:
    """Usage is exit 2, and no message repeats what may hold a password."""
    status, out, err = run(tmp_path, "discover", *words, SHOP_URL="sqlite:///x", BAD_URL="s3cret")
    assert (status, out) == (2, "")
    assert err.startswith(f"nanotyped: {message}")
    assert "s3cret" not in err


def test_what_cannot_be_read_is_told_all_at_once_and_nothing_is_written(database: Database, tmp_path: Path) -> None:
    """Each missing table has a line, with the nearest name; exit 1."""
    database.execute("CREATE TABLE orders (a int)")
    place = f"on {database.server.host}:{database.server.port}, or `nanotyped` may not see it"
    assert run(tmp_path, "discover", database.url, "ordesr", "orders", "x") == (
        1,
        "",
        f"nanotyped: there is no table `{database.name}`.`ordesr` {place}; did you mean `orders`?\n"
        f"nanotyped: there is no table `{database.name}`.`x` {place}\n",
    )


def test_a_server_that_refuses_is_told_without_the_password(database: Database, tmp_path: Path) -> None:
    """Exit 1, and the message says who could not get in where, with no secret in it, with a traceback neither."""
    server = database.server
    url = f"mysql://nobody:s3cret@{server.host}:{server.port}/{database.name}"
    status, out, err = run(tmp_path, "discover", url, "--traceback")
    assert (status, out) == (1, "")
    assert err.startswith(f"nanotyped: cannot connect to nobody@{server.host}:{server.port}/{database.name}: ")
    assert "s3cret" not in err


def test_a_database_without_tables_or_file_is_told(tmp_path: Path) -> None:
    """There is nothing to write: exit 1, and no file is made."""
    (tmp_path / "empty.db").touch()
    assert run(tmp_path, "discover", "sqlite:///empty.db") == (1, "", "nanotyped: there are no tables in `empty.db`\n")
    assert run(tmp_path, "discover", "sqlite:///no.db") == (1, "", "nanotyped: there is no database file `no.db`\n")
    assert not (tmp_path / "no.db").exists()
