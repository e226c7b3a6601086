from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import SecretStr

from nanotyped import SourceError, StreamMySQLTable
from nanotyped.types import mysql_type
from tests.support.mariadb import Database, MariaDBServer
from tests.support.sql import describe, rows_of, server_of

LONG = "漢" * 127  # 254 bytes in UTF-16, which a tinytext holds, and 381 in UTF-8


def test_columns_are_typed_by_their_column_type(database: Database) -> None:
    """Every column has the type that it was declared with, in order, nullable or not, and marked if in the key."""
    database.execute(
        "CREATE TABLE things (b bigint unsigned NOT NULL, a int NOT NULL, flag tinyint(1), "
        "price decimal(12,2) unsigned, "
        "f float NOT NULL, d double(9,3), c char(3), v varchar(9) NOT NULL, t text, bin binary(4), vb varbinary(7), "
        "bl blob, day date, dt datetime(3), ts timestamp(6) NULL, ti time(2) NOT NULL, "
        "e enum('a,b', 'it''s', 'c\\\\d') NOT NULL, z int(5) zerofill, PRIMARY KEY (b, a))"
    )
    found = describe(database, "things")
    assert found.schema.spelling() == (
        "b bigint(20) unsigned, a int(11), flag tinyint(1) null, price decimal(12,2) unsigned null, f float, "
        "d double(9,3) null, c char(3) null, v varchar(9), t text null, bin binary(4) null, vb varbinary(7) null, "
        "bl blob null, day date null, dt datetime(3) null, ts timestamp(6) null, ti time(2), "
        "e enum('a,b','it''s','c\\\\d'), z int(5) unsigned zerofill null"
    )
    assert found.schema.key == ("b", "a")
    assert found.page_key() == ("b", "a")
    server = database.server
    assert found.place == f"table `{database.name}`.`things` on {server.host}:{server.port}"


@pytest.mark.parametrize(
    ("columns", "key"),
    [
        ("a int PRIMARY KEY, b int NOT NULL UNIQUE", ("a",)),
        ("b int NOT NULL, a int NOT NULL, PRIMARY KEY (a, b)", ("a", "b")),
        ("a int, b int NOT NULL, UNIQUE (a), UNIQUE (b)", ("b",)),
        ("a int NOT NULL, b int NOT NULL, c int NOT NULL, UNIQUE (a, b), UNIQUE k (c)", ("c",)),
        ("a int UNIQUE", None),
        ("a int NOT NULL, KEY (a)", None),
        ("a varchar(20) NOT NULL, UNIQUE (a(5))", None),
        ("a int NOT NULL, b int, UNIQUE (a, b)", None),
        ("a double NOT NULL PRIMARY KEY", None),
        ("a enum('x', 'y') NOT NULL PRIMARY KEY, b int NOT NULL UNIQUE", ("b",)),
        ("a text NOT NULL, UNIQUE (a) USING HASH", None),
        ("a varchar(20) CHARACTER SET latin1 NOT NULL PRIMARY KEY", ("a",)),
    ],
)
def test_keys_are_whole_unique_and_never_null(database: Database, columns: str, key: tuple[str, ...] | None) -> None:
    """Pages go by the primary key, else by the shortest unique one, of whole, ordered columns that are never null."""
    database.execute(f"CREATE TABLE t ({columns})")
    assert describe(database, "t").page_key() == key


def test_a_unique_index_that_is_shown_as_primary_is_no_primary_key(database: Database) -> None:
    """A not-null unique index, whose column the server flags PRI, serves for pages but is not marked as the key."""
    database.execute("CREATE TABLE t (a int NOT NULL, UNIQUE (a))")
    flags = "SELECT COLUMN_KEY FROM information_schema.COLUMNS WHERE TABLE_NAME = 't' AND TABLE_SCHEMA = DATABASE()"
    assert database.execute(flags) == [("PRI",)]
    found = describe(database, "t")
    assert (found.schema.key, found.page_key()) == ((), ("a",))


def test_a_table_in_memory_has_its_key(database: Database) -> None:
    """Its primary key is a hash, which is as unique; pages of it are sorted."""
    database.execute("CREATE TABLE t (a int PRIMARY KEY) ENGINE=MEMORY")
    found = describe(database, "t")
    assert (found.schema.key, found.page_key()) == (("a",), ("a",))


def test_views_have_columns_and_no_key(database: Database) -> None:
    """A view is read like a table of no key."""
    database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, v varchar(5))", "CREATE VIEW w AS SELECT id, v, id + 1 AS next FROM t"
    )
    found = describe(database, "w")
    assert found.schema.spelling() == "id int(11), v varchar(5) null, next bigint(12)"
    assert found.page_key() is None


def test_generated_columns_are_columns(database: Database) -> None:
    """What the server computes is read as what it stores."""
    database.execute(
        "CREATE TABLE t (a int PRIMARY KEY, b int AS (a * 2) VIRTUAL, c varchar(9) AS (CONCAT('n', a)) STORED)",
        "INSERT INTO t (a) VALUES (1), (2)",
    )
    assert describe(database, "t").schema.spelling() == "a int(11), b int(11) null, c varchar(9) null"
    assert rows_of(StreamMySQLTable(url=database.url, table="t")) == [(1, 2, "n1"), (2, 4, "n2")]


def test_charsets_are_part_of_the_type(database: Database) -> None:
    """A column of less than all of Unicode has its charset in its type, and its text comes as it is."""
    database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, a varchar(9) CHARACTER SET latin1, b text CHARACTER SET utf8mb3, "
        "c varchar(9), e enum('é', 'ü') CHARACTER SET latin1, s set('é') CHARACTER SET latin1, "
        "u tinytext CHARACTER SET utf16)",
        f"INSERT INTO t VALUES (1, 'é€ÿ', '漢字', '🐬', 'ü', 'é', '{LONG}')",
    )
    schema = describe(database, "t").schema
    assert schema["a"].type is mysql_type("varchar(9) character set latin1")
    assert schema["b"].type is mysql_type("text character set utf8mb3")
    assert schema["c"].type is mysql_type("varchar(9)")
    assert schema["s"].type is mysql_type("set('é') character set latin1")
    assert rows_of(StreamMySQLTable(url=database.url, table="t")) == [(1, "é€ÿ", "漢字", "🐬", "ü", {"é"}, LONG)]


def test_names_that_differ_in_case_are_different_tables(database: Database) -> None:
    """A table is found by its exact name; of one that differs in case only the columns do not come along."""
    database.execute("CREATE TABLE Orders (a int PRIMARY KEY)", "CREATE TABLE orders (b int, c int)")
    assert describe(database, "Orders").schema.names == ("a",)
    assert describe(database, "orders").schema.names == ("b", "c")


def test_a_table_of_another_database_does_not_count(database: Database) -> None:
    """Only the named database is looked at."""
    other = database.server.create_database()
    other.execute("CREATE TABLE orders (a int)")
    with pytest.raises(SourceError) as caught:
        describe(database, "orders")
    place = f"`{database.name}`.`orders` on {database.server.host}:{database.server.port}"
    assert str(caught.value) == f"there is no table {place}, or `nanotyped` may not see it"
    other.drop()


def test_a_missing_table_is_told_with_the_nearest_name(database: Database) -> None:
    """The error names the table as it was asked for, and the one that may have been meant."""
    database.execute("CREATE TABLE customers (a int)", "CREATE TABLE orders (a int)")
    with pytest.raises(SourceError) as caught:
        describe(database, "costumers")
    place = f"`{database.name}`.`costumers` on {database.server.host}:{database.server.port}"
    assert str(caught.value) == (f"there is no table {place}, or `nanotyped` may not see it; did you mean `customers`?")


def test_what_cannot_be_read_is_told_all_at_once(database: Database) -> None:
    """Columns that are not there, and of no known type, are all named, with the remedy; left out, they do no harm."""
    odd = "p text CHARACTER SET geostd8, name varchar(9), g char(2) CHARACTER SET swe7 NOT NULL"
    database.execute(f"CREATE TABLE t (id int PRIMARY KEY, {odd})")
    place = f"table `{database.name}`.`t` on {database.server.host}:{database.server.port}"
    g = "column `g`: character set `swe7` is not supported at position 22 of `char(2) character set swe7`"
    p = "column `p`: character set `geostd8` is not supported at position 19 of `text character set geostd8`"
    with pytest.raises(SourceError) as caught:
        describe(database, "t", ["id", "nmae", "g", "x"])
    assert str(caught.value) == (
        f"{place} cannot be read: it has no column `nmae`; did you mean `name`?; it has no column `x`; "
        f"{g}; leave it out with `columns`"
    )
    with pytest.raises(SourceError) as caught:
        describe(database, "t")
    assert str(caught.value) == (
        f"{place} cannot be read: {p}; leave it out with `columns`; {g}; leave it out with `columns`"
    )
    assert rows_of(StreamMySQLTable(url=database.url, table="t", columns=["name", "id"])) == []


@pytest.mark.parametrize(
    "name", ["select", "a`b", 'c"d', "50% off", "%s", "ü ñ 漢", "it's", "x.y", ":p", "back\\slash"]
)
def test_any_name_works(database: Database, name: str) -> None:
    """Tables and columns may be named as the server lets them, key columns too."""
    quoted, other = (f"`{text.replace('`', '``')}`" for text in (name, f"f{name}f"))
    database.execute(
        f"CREATE TABLE {quoted} ({quoted} int PRIMARY KEY, {other} float)",
        f"INSERT INTO {quoted} VALUES (1, 0.1), (2, NULL), (3, 1)",
    )
    source = StreamMySQLTable(url=database.url, table=name, page_rows=2, where=f"{quoted} <> :n", parameters={"n": 3})
    assert rows_of(source) == [(1, 0.10000000149011612), (2, None)]


# -- who may not ------------------------------------------------------------------------


def test_a_wrong_password_is_told_without_it(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    """A login that is refused says who and where, and holds the password nowhere."""
    wrong = "wrong-and-secret"
    with pytest.raises(SourceError) as caught, caplog.at_level(0):
        server_of(database, password=SecretStr(wrong)).connect()
    where = f"{database.server.host}:{database.server.port}/{database.name}"
    # The server may have a name for the address that the client comes from.
    words = f"cannot connect to nanotyped@{where}: Access denied for user 'nanotyped'@'%s' (using password: YES) (1045)"
    assert re.fullmatch(re.escape(words).replace("%s", "[^']+"), str(caught.value))
    assert wrong not in repr(caught.value) + repr(caught.value.__cause__) + caplog.text


def test_no_access_is_an_error_before_any_row(database: Database) -> None:
    """Who may enter the database but not see the table is told so; who may not enter, too."""
    server, user = database.server, f"guest_{database.name}"
    database.execute(
        "CREATE TABLE open_one (id int PRIMARY KEY)",
        "CREATE TABLE t (id int PRIMARY KEY)",
        f"CREATE USER '{user}'@'{server.host}' IDENTIFIED BY 'x'",
        f"GRANT SELECT ON {database.name}.open_one TO '{user}'@'{server.host}'",
    )
    given: dict[str, Any] = {"user": user, "password": SecretStr("x")}
    assert describe(database, "open_one", **given).schema.names == ("id",)
    with pytest.raises(SourceError) as caught:
        describe(database, "t", **given)
    place = f"`{database.name}`.`t` on {server.host}:{server.port}"
    assert str(caught.value) == f"there is no table {place}, or `{user}` may not see it"
    with pytest.raises(SourceError) as caught:
        describe(Database(server, "mysql"), "t", **given)
    assert str(caught.value) == (
        f"cannot connect to {user}@{server.host}:{server.port}/mysql: "
        f"Access denied for user '{user}'@'{server.host}' to database 'mysql' (1044)"
    )
    database.execute(f"DROP USER '{user}'@'{server.host}'")


def test_a_server_that_is_down_is_named(database: Database) -> None:
    """A server that cannot be reached is an error with its host and port."""
    with MariaDBServer() as server:
        port = server.port
    with pytest.raises(SourceError) as caught:
        describe(database, "t", port=port)
    assert str(caught.value) == (
        f"cannot connect to nanotyped@127.0.0.1:{port}/{database.name}: "
        "Can't connect to MySQL server on '127.0.0.1' ([Errno 111] Connection refused) (2003)"
    )
