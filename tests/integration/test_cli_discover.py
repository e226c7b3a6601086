"""`nanotyped discover` on live tables, in a process of its own."""

from __future__ import annotations

import re
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from nanotyped import Schema
from nanotyped.cli import main
from nanotyped.nodes.sql.sqlite import SQLiteReader
from nanotyped.nodes.sql.urls import check_url
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
YEAR_REASON = "year(2) is not supported, for it shows 0000 and 2000 alike; make it year(4) at position 5 of `year(2)`"
YEAR = f"# `y`: {YEAR_REASON}"
SWE7_REASON = "character set `swe7` is not supported at position 22 of `char(2) character set swe7`"
LEFT_OUT = (
    f"nanotyped: table `Odd`: column `g` is left out: {SWE7_REASON}\n"
    f"nanotyped: table `Odd`: column `y` is left out: {YEAR_REASON}\n"
)


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


def test_the_python_of_live_tables_is_checked_imported_and_equal_to_them(
    database: Database, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """Every table and view is a Row class that mypy takes, with the live schema; the text is always the same.

    What is left out of it is said, and the exit status is 2.
    """
    a_table_of_every_type(database)
    status, out, err = run(tmp_path, "discover", "--url-env", "SHOP_URL", SHOP_URL=database.url)
    assert (status, err) == (2, LEFT_OUT)
    assert run(tmp_path, "discover", database.url) == (2, out, LEFT_OUT)
    path = tmp_path / "rows.py"
    path.write_text(out, encoding="utf-8")
    assert mypy_says(path, pytestconfig) == {}
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
    assert (status, err) == (2, f"nanotyped: table `orders`: column `y` is left out: {YEAR_REASON}\n")
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
        "# A pipeline also has nodes that take the rows, and paths, such as:\n"
        "#  show: {class: PrinterOfThings}\n"
        "#paths:\n"
        "#  - [orders, show]\n"
    )
    (tmp_path / "p.yaml").write_text(re.sub("^#(?! )|^#(?=  )", "", out, flags=re.MULTILINE))
    assert run(tmp_path, "check", "--connect", "--strict", "p.yaml", SHOP_URL=database.url) == (
        0,
        "p.yaml: ok (2 nodes, 1 edge)\n",
        "",
    )
    status, out, _ = run(tmp_path, "run", "p.yaml", SHOP_URL=database.url)
    assert status == 0
    assert "'2.50'" in out


def test_tables_of_sqlite_mean_the_same(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """Every column of the class means what the declared type means, and the tables of SQLite itself are left out."""
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute(
            "CREATE TABLE orders (id integer PRIMARY KEY AUTOINCREMENT, name varchar(20) NOT NULL, note text, "
            "price decimal(9,2) NOT NULL, paid boolean, at datetime(3), weight real, m money, raw blob NOT NULL)"
        )
    connection.close()
    status, out, err = run(tmp_path, "discover", "sqlite:///shop.db")
    money = "unknown type `money` (did you mean `decimal(19,4)`?) at position 0 of `money`"
    assert (status, err) == (2, f"nanotyped: table `orders`: column `m` is left out: {money}\n")
    assert "sqlite_sequence" not in out
    path = tmp_path / "rows.py"
    path.write_text(out)
    assert mypy_says(path, pytestconfig) == {}
    [cls] = load(path)
    reader = SQLiteReader(check_url(f"sqlite:///{tmp_path}/shop.db"))
    try:
        live = reader.describe("orders", ())
    finally:
        reader.close()
    assert live.refused == {"m": money}
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


# -- SQL, out of a database and into one --------------------------------------------------


def test_the_sql_of_live_tables_makes_them_again(database: Database, tmp_path: Path) -> None:
    """The statements make tables with the live schemas; what no contract holds stands before them as a comment."""
    a_table_of_every_type(database)
    status, out, err = run(tmp_path, "discover", database.url, "--format", "sql")
    assert (status, err) == (2, LEFT_OUT)
    assert out.startswith(
        "-- `g`: character set `swe7` is not supported at position 22 of `char(2) character set swe7`\n"
        f"-- {YEAR.removeprefix('# ')}\n"
        "CREATE TABLE `Odd` (\n"
        "  `class` int(11) NULL,\n"
        "  `a``b` text NULL,\n"
        "  `date` date NOT NULL\n"
        ") DEFAULT CHARSET=utf8mb4;\n\n"
        "CREATE TABLE `a_view` (\n"
        "  `n` int(10) unsigned NOT NULL\n"
        ") DEFAULT CHARSET=utf8mb4;\n\n"
        "CREATE TABLE `every type` (\n"
    )
    path = tmp_path / "shop.sql"
    path.write_text(out, encoding="utf-8")
    other = database.server.create_database()
    other.execute(*(statement for statement in out.split(";\n") if statement))
    for table in ("a_view", "every type"):
        live = describe(database, table).schema
        assert describe(other, table).schema == live
        assert Schema.from_ddl(out, table) == live
    other.drop()
    # And the file says what the database says.
    assert run(tmp_path, "discover", "shop.sql", "--format", "sql") == (0, out[out.index("CREATE") :], "")


def test_a_dump_is_read_as_the_live_tables_are(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Row classes and nodes of a file are those of the tables that it makes, named ones alone."""
    orders = (
        "CREATE TABLE orders (id bigint(20) unsigned PRIMARY KEY, total decimal(12,2) NOT NULL,\n"
        "  state enum('new','paid') NOT NULL DEFAULT 'new', profile longtext CHECK (json_valid(profile)))"
    )
    database.execute(orders, "CREATE TABLE z (x int(11))")
    raw = b"INSERT INTO z VALUES ('\xff\xfe;');\n"
    path = tmp_path / "shop.SQL"
    path.write_bytes("\ufeff".encode() + f"{orders};\n".encode() + raw + b"CREATE TABLE z (x int(11)) -- end")
    monkeypatch.chdir(tmp_path)
    for words in ((), ("orders",), ("orders", "--format", "yaml")):
        assert main(["discover", database.url, *words]) == 0
        live = capsys.readouterr()
        assert main(["discover", "shop.SQL", *words]) == 0
        assert capsys.readouterr() == live


@pytest.mark.parametrize(
    ("content", "words", "status", "message"),
    [
        (
            b"CREATE TABLE a (x int);\nCREATE TABLE t (\n  a uint64,\n  b int NUL);\n",
            [],
            2,
            "x.sql:3:5: unknown type `uint64` (did you mean `bigint unsigned`?)\n"
            "x.sql:4:9: unexpected `nul` (did you mean `null`?)\n"
            "2 problems\n",
        ),
        (
            b"CREATE TABLE orders (x int)",
            ["ordesr"],
            2,
            "x.sql: there is no table `ordesr`; did you mean `orders`?\n1 problem\n",
        ),
        (
            "CREATE TABLE t (größe int)".encode("latin1"),
            [],
            2,
            "x.sql:1:19: this is no UTF-8; convert the file, or dump with utf8mb4\n1 problem\n",
        ),
        ("CREATE TABLE t (a int)".encode("utf-16"), [], 2, "nanotyped: x.sql: this is UTF-16; save it as UTF-8\n"),
        (b"-- nothing", [], 1, "nanotyped: there are no tables in `x.sql`\n"),
        (None, [], 2, "nanotyped: x.sql: cannot be read: No such file or directory\n"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_by_line_and_column(
    *,
    content: bytes | None,
    words: list[str],
    status: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Every mistake of the wanted tables is a line `file:line:col`, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / "x.sql").write_bytes(content)
    assert main(["discover", "x.sql", *words]) == status
    assert capsys.readouterr() == ("", message)


def test_tables_of_sqlite_as_sql_of_mysql(tmp_path: Path) -> None:
    """What MySQL has a type for is written, a key that it does not take is left out and told."""
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("CREATE TABLE a (id integer PRIMARY KEY, name varchar(20) NOT NULL, m money)")
        connection.execute("CREATE TABLE b (id text NOT NULL PRIMARY KEY, B int NOT NULL)")
    connection.close()
    assert run(tmp_path, "discover", "sqlite:///shop.db", "--format", "sql") == (
        2,
        "-- `m`: unknown type `money` (did you mean `decimal(19,4)`?) at position 0 of `money`\n"
        "CREATE TABLE `a` (\n"
        "  `id` bigint NOT NULL,\n"
        "  `name` varchar(20) NOT NULL,\n"
        "  PRIMARY KEY (`id`)\n"
        ") DEFAULT CHARSET=utf8mb4;\n"
        "\n"
        "-- the primary key is left out: column `id` of the key: `text` has no length that a key can have; declare it "
        "varchar(n)\n"
        "CREATE TABLE `b` (\n"
        "  `id` longtext NOT NULL,\n"
        "  `B` int NOT NULL\n"
        ") DEFAULT CHARSET=utf8mb4;\n",
        "nanotyped: table `a`: column `m` is left out: unknown type `money` (did you mean `decimal(19,4)`?) at position"
        " 0 of `money`\n"
        "nanotyped: table `b`: the primary key is left out: column `id` of the key: `text` has no length that a key can"
        " have; declare it varchar(n)\n",
    )


def test_the_yaml_of_a_table_of_sqlite_loses_no_column(tmp_path: Path) -> None:
    """Types that SQLite alone has are named behind its name: the live table fits them exactly, and every value goes."""
    with sqlite3.connect(tmp_path / "c.db") as connection:
        connection.execute(
            "CREATE TABLE t (id integer PRIMARY KEY, a text NOT NULL, b boolean, c blob, d numeric, e, f real unsigned)"
        )
        connection.execute("INSERT INTO t VALUES (1, 'long', 1, x'00ff', 2.5, 'any', 0.5)")
    connection.close()
    status, out, err = run(tmp_path, "discover", "sqlite:///c.db", "--format", "yaml")
    assert (status, err) == (0, "")
    assert out[out.index("      id") : out.index("#")] == (
        "      id: bigint\n"
        "      a: sqlite text\n"
        "      b: sqlite boolean null\n"
        "      c: sqlite blob null\n"
        "      d: sqlite numeric null\n"
        "      e: sqlite any null\n"
        "      f: double unsigned null\n"
    )
    (tmp_path / "p.yaml").write_text(re.sub("^#(?! )|^#(?=  )", "", out, flags=re.MULTILINE))
    url = {"DATABASE_URL": "sqlite:///c.db"}
    assert run(tmp_path, "check", "--connect", "--strict", "p.yaml", **url) == (0, "p.yaml: ok (2 nodes, 1 edge)\n", "")
    status, out, _ = run(tmp_path, "run", "p.yaml", **url)
    assert status == 0
    for text in ("'long'", "b'\\x00\\xff'", "2.5", "'any'", "0.5", "True"):
        assert text in out


def test_a_column_of_a_dump_that_no_contract_holds_is_left_out_as_of_a_live_table(tmp_path: Path) -> None:
    """Its place in the file, its table and the reason are said, the rest is written, and the exit status is 2."""
    (tmp_path / "x.sql").write_text(
        "CREATE TABLE t (\n  a int NOT NULL,\n  b char(9) CHARACTER SET eucjpms,\n  c year(2),\n  KEY (b)\n);"
    )
    reasons = {
        "b": "character set `eucjpms` is not supported",
        "c": "year(2) is not supported, for it shows 0000 and 2000 alike; make it year(4)",
    }
    assert run(tmp_path, "discover", "x.sql", "--format", "sql") == (
        2,
        f"-- `b`: {reasons['b']}\n-- `c`: {reasons['c']}\n"
        "CREATE TABLE `t` (\n  `a` int NOT NULL\n) DEFAULT CHARSET=utf8mb4;\n",
        f"nanotyped: x.sql:3:27: table `t`: column `b` is left out: {reasons['b']}\n"
        f"nanotyped: x.sql:4:10: table `t`: column `c` is left out: {reasons['c']}\n",
    )
