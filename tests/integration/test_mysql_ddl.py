"""CREATE TABLE text against a real server: what is read of a text is what introspection tells of the live table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from nanotyped import IncompatibleTypesException, MySQLTypeSystem, Schema, mysql_type
from nanotyped.row import Column
from nanotyped.row.ddl import key_problem
from nanotyped.types import render_ddl
from tests.integration.test_mysql_types import COLUMNS
from tests.support.sql import describe
from tests.unit.types import strategies as any_

if TYPE_CHECKING:
    from tests.support.mariadb import Database


def shown(database: Database, table: str) -> str:
    """Return the text that the server prints for a table."""
    quoted = table.replace("`", "``")
    return str(database.execute(f"SHOW CREATE TABLE `{quoted}`")[0][1])


def assert_texts_are_the_table(database: Database, table: str) -> Schema:
    """Hold what is read of the server's own text, and what is made of ours, to the live table."""
    live = describe(database, table).schema
    assert Schema.from_ddl(shown(database, table), table) == live
    database.execute("DROP TABLE IF EXISTS copied", live.to_ddl("copied"))
    assert describe(database, "copied").schema == live
    return live


def test_every_type_is_read_and_written_as_the_live_table_is(database: Database) -> None:
    """A table with a column of each type, every other one null, in a server's words and in ours."""
    columns = [
        f"c{number} {render_ddl(mysql_type(text))} {'NULL' if number % 2 else 'NOT NULL'}"
        for number, text in enumerate(COLUMNS)
    ]
    database.execute(f"CREATE TABLE t ({', '.join(columns)}, PRIMARY KEY (c2, c0))")
    live = assert_texts_are_the_table(database, "t")
    assert live.key == ("c0", "c2")
    assert len(live) == len(COLUMNS)


@pytest.mark.parametrize(
    "text",
    [
        "(id serial)",
        "(id bigint SERIAL DEFAULT VALUE, b int NULL DEFAULT 3 NOT NULL, c int NOT NULL NULL)",
        "(a int NULL PRIMARY KEY, b int UNIQUE KEY, c int NOT NULL UNIQUE)",
        "(a int, b varchar(20), c int, PRIMARY KEY (C, b(5)) COMMENT 'x;)', UNIQUE (a), KEY k (a DESC) IGNORED)",
        "(`a``b` int DEFAULT (1 + 2), `c d,)` varchar(40) DEFAULT uuid() COMMENT 'it''s \\\\ ) , ;', `select` double "
        "DEFAULT -1.5e3, 2fast bit(3) DEFAULT b'101', größe datetime(3) DEFAULT now(3) ON UPDATE now(3))",
        "(a longtext CHECK (json_valid(A)), b json NOT NULL, c longtext, d longtext CHECK (json_valid(d) and 1), "
        "e text CHECK (json_valid(e)), f longtext CHARACTER SET latin1 CHECK ((json_valid(f))), "
        "CONSTRAINT x CHECK (json_valid(c)))",
        "(a char(3), b text COLLATE utf8mb4_bin, c varchar(9) CHARSET binary, d char(3) BINARY, e nchar(3), "
        "f char BYTE, g enum('a'), h text(100), i set('ä'), j varchar(9) NOT NULL COLLATE latin1_bin) CHARSET=latin1",
        "(a char(3), b text(3000)) CHARSET=binary",
        "(a char(3), b text COLLATE utf8mb4_bin) COLLATE=utf8_bin",
        "(a char(3) COLLATE uca1400_ai_ci, b tinytext COLLATE utf8mb4_uca1400_as_cs) DEFAULT CHARACTER SET utf8mb3",
        "(id int KEY, a timestamp(6) AS ROW START, b timestamp(6) GENERATED ALWAYS AS ROW END, c int WITHOUT SYSTEM "
        "VERSIONING, PERIOD FOR SYSTEM_TIME (a, b)) WITH SYSTEM VERSIONING",
        "(id int, a date, b date, PERIOD FOR p (a, b), PRIMARY KEY (id, p WITHOUT OVERLAPS))",
        "(id int KEY, b int INVISIBLE DEFAULT 4, c int AS (id + 1) PERSISTENT INVISIBLE, d int AS (1))",
        "(a varchar(10) COMPRESSED, b text COMPRESSED=zlib, c blob COMPRESSED)",
        "(a timestamp, b timestamp NOT NULL, c timestamp NULL DEFAULT NULL)",
        "(p point NOT NULL, t text, SPATIAL KEY (p), FULLTEXT KEY (t)) ENGINE=Aria PAGE_CHECKSUM=1",
        "(id int KEY) PAGE_COMPRESSED=1 COMMENT='x''y;' PARTITION BY RANGE (id) (PARTITION p VALUES LESS THAN (9), "
        "PARTITION q VALUES LESS THAN MAXVALUE)",
    ],
)
def test_the_text_of_people_and_that_of_the_server_mean_the_live_table(database: Database, text: str) -> None:
    """What a server makes of a statement is what is read of it, before the server has printed it and after."""
    statement = f"CREATE TABLE t {text}"
    database.execute(statement)
    live = describe(database, "t").schema
    assert Schema.from_ddl(shown(database, "t")) == live
    written = Schema.from_ddl(statement)
    assert [_meaning(column) for column in written] == [_meaning(column) for column in live]


def _meaning(column: Column) -> tuple[object, ...]:
    """Return what a column is, whatever display width the server gives its type."""
    return column.name, column.type.intermediate_type, column.nullable, column.key


def test_no_other_key_is_the_primary_one(database: Database) -> None:
    """Neither a unique key over nulls nor one without, which the server itself flags PRI."""
    for number, columns in enumerate(("a int, UNIQUE (a)", "a int NOT NULL, UNIQUE (a)", "a int NOT NULL, KEY (a)")):
        database.execute(f"CREATE TABLE t{number} ({columns})")
        assert assert_texts_are_the_table(database, f"t{number}").key == ()


def _storable(kind: any_.Type) -> any_.Type | None:
    """Return the column type of MariaDB for an intermediate type, ``None`` where it has none, or prints it wrongly."""
    try:
        found: Any = MySQLTypeSystem.from_intermediate(kind, None)
    except IncompatibleTypesException:
        return None
    text = found.spelling()
    emoji = any(ord(character) > 0xFFFF for character in text)  # of a member: the server prints `?`
    taken = text != found.ddl()  # as by a policy, of which a text of SQL says nothing
    return None if emoji or taken or text.startswith("vector") or len(text) > 600 else mysql_type(text)


NAMES = st.text(st.sampled_from("aB1 `'\"\\,();%ü漢-#.:/*"), min_size=1, max_size=8).map(lambda name: f"{name}x")


def test_any_schema_makes_a_table_whose_texts_are_that_table(database: Database) -> None:
    """Random names, types, nulls and keys: our text is taken, and the server's own is read as the live table."""
    kinds = any_.columns().map(_storable).filter(bool)
    columns = st.lists(
        st.tuples(NAMES, kinds, st.booleans(), st.booleans()),
        min_size=1,
        max_size=6,
        unique_by=lambda found: found[0].lower(),
    )

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(columns, NAMES)
    def check(found: list[tuple[str, any_.Type, bool, bool]], table: str) -> None:
        schema = Schema(Column(name, kind, nullable=null and not key, key=key) for name, kind, null, key in found)
        # A row has 65535 bytes in all.
        assume(sum(getattr(column.type, "max_length", None) or 0 for column in schema) * 4 < 65000)
        assume(not key_problem(schema))
        quoted = table.replace("`", "``")
        database.execute(f"DROP TABLE IF EXISTS `{quoted}`", schema.to_ddl(table))
        try:
            live = assert_texts_are_the_table(database, table)
        finally:
            database.execute(f"DROP TABLE `{quoted}`")
        assert [(column.name, column.nullable, column.key) for column in live] == [
            (column.name, column.nullable, column.key) for column in schema
        ]

    check()
