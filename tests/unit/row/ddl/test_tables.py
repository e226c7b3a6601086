"""What a CREATE TABLE says about its columns, and what is wrong with one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanotyped import Schema
from nanotyped.errors import DdlError, DdlProblem
from nanotyped.types import mysql_type

LIKE = "its columns are those of another table (LIKE), which its own text does not tell"
SELECT = "its columns come out of a SELECT, which its text does not tell"
MORE = "its text does not tell all columns: others come out of a SELECT"
YEAR = "year(2) is not supported, for it shows 0000 and 2000 alike; make it year(4)"
OPEN = "this is not closed, so that nothing behind it can be read"
UTF8 = "this is no UTF-8; convert the file, or dump with utf8mb4"


def refusal(text: str, table: str | None = None) -> list[str]:
    """Return every problem of a text."""
    with pytest.raises(DdlError) as caught:
        Schema.from_ddl(text, table)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("columns", "spelling"),
    [
        ("id int unsigned NOT NULL, note varchar(9)", "id int unsigned, note varchar(9) null"),
        ("a int NULL, b int NOT NULL NULL, c int NULL NOT NULL", "a int null, b int null, c int"),
        ("`a``b` int, `select` int, `x y,)` int", "a`b int null, select int null, x y,) int null"),
        ('"order" int, "say ""hi""" int', 'order int null, say "hi" int null'),
        ("2fast int, $x int, größe int, 漢 int", "2fast int null, $x int null, größe int null, 漢 int null"),
        ("Period date, Vector int, Storage int", "Period date null, Vector int null, Storage int null"),
        ("a serial, b bigint SERIAL DEFAULT VALUE", "a bigint unsigned, b bigint"),
        ("a int AUTO_INCREMENT UNIQUE", "a int"),
        ("a int DEFAULT -1.5e-3 NOT NULL, b int DEFAULT .5", "a int, b int null"),
        ("a int DEFAULT (1 + (2)) COMMENT 'x, ''y'' )' NOT NULL", "a int"),
        ("a char(9) DEFAULT 'it''s' 'more' NOT NULL, b text DEFAULT _utf8mb4'é'", "a char(9), b text null"),
        (
            "a bit(3) DEFAULT b'101' NOT NULL, b blob DEFAULT x'41', c int DEFAULT 0x1e",
            "a bit(3), b blob null, c int null",
        ),
        ("a date DEFAULT DATE '2020-01-01' NOT NULL, b bool DEFAULT TRUE", "a date, b tinyint(1) null"),
        ("a int NOT NULL, b int DEFAULT `A` NOT NULL, c int DEFAULT a", "a int, b int, c int null"),
        ("a int DEFAULT nextval(`d`.`s`) NOT NULL, b int DEFAULT NEXT VALUE FOR d.s", "a int, b int null"),
        (
            "a datetime(3) DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3) NOT NULL, b timestamp NULL "
            "DEFAULT now() ON UPDATE now()",
            "a datetime(3), b timestamp null",
        ),
        ("a int GENERATED ALWAYS AS (1) VIRTUAL NOT NULL, b int AS ('x)') PERSISTENT INVISIBLE", "a int, b int null"),
        ("a int COMMENT 'x' COLUMN_FORMAT FIXED STORAGE DISK ENGINE_ATTRIBUTE='{}' VISIBLE NOT NULL", "a int"),
        ("a int /*!80023 INVISIBLE */ NOT NULL, b int `enc`='x' other=1 NOT NULL", "a int, b int"),
        ("a varchar(9) /*M!100301 COMPRESSED*/ NOT NULL, b text COMPRESSED=zlib", "a varchar(9), b text null"),
        (
            "a point NOT NULL /*!80003 SRID 4326 */, b point REF_SYSTEM_ID=0 NOT NULL",
            "a point srid 4326, b point srid 0",
        ),
        (
            "a int REFERENCES t (id) MATCH FULL ON DELETE SET NULL ON UPDATE NO ACTION NOT NULL, "
            "b int CONSTRAINT c CHECK (b > 0) NOT ENFORCED NOT NULL, c int CONSTRAINT CHECK (c) ENFORCED NOT NULL",
            "a int, b int, c int",
        ),
        ("a enum('x,)','y''z') NOT NULL, b set('(') NULL", "a enum('x,)','y''z'), b set('(') null"),
        ("a int -- one, two\n, b int # three )\n, /* c int, */ d int --\n", "a int null, b int null, d int null"),
        ("id int KEY, b int UNIQUE KEY", "id int, b int null"),
        ("a date, b date, PERIOD FOR p (a, b)", "a date, b date"),
        ("a timestamp(6) AS ROW START, b timestamp(6) GENERATED ALWAYS AS ROW END", "a timestamp(6), b timestamp(6)"),
        ("a int WITHOUT SYSTEM VERSIONING NOT NULL", "a int"),
    ],
)
def test_columns_are_what_they_say(columns: str, spelling: str) -> None:
    """Types, names and nulls are read, whatever else stands behind a type and wherever."""
    assert Schema.from_ddl(f"CREATE TABLE t (\n{columns}\n)").spelling() == spelling


@pytest.mark.parametrize(
    ("columns", "key"),
    [
        ("id int PRIMARY KEY, b int", ("id",)),
        ("b int, a int, PRIMARY KEY (A, `b`)", ("b", "a")),
        ("a int, CONSTRAINT pk PRIMARY KEY USING BTREE (a DESC) COMMENT 'x'", ("a",)),
        ("a varchar(9), CONSTRAINT PRIMARY KEY (a(5))", ("a",)),
        ("a int, UNIQUE KEY (a)", ()),
        ("a int NOT NULL UNIQUE, CONSTRAINT u UNIQUE (a), UNIQUE INDEX i USING HASH (a)", ()),
        ("a int, KEY k (a) USING BTREE KEY_BLOCK_SIZE=4 /*!80000 INVISIBLE */, INDEX ((a + 1)) IGNORED", ()),
        ("a text, FULLTEXT KEY f (a) /*!50100 WITH PARSER `ngram` */, KEY (a(9) ASC) NOT IGNORED", ()),
        ("p point NOT NULL, SPATIAL INDEX (p), v vector(3) NOT NULL, VECTOR KEY v (v) `M`=6 DISTANCE=cosine", ()),
        ("a int, CONSTRAINT f FOREIGN KEY k (a) REFERENCES d.t (id) ON DELETE CASCADE, CHECK (a > 0)", ()),
        ("id int, a date, b date, PRIMARY KEY (id, p WITHOUT OVERLAPS), PERIOD FOR `p` (a, b)", ("id", "a", "b")),
    ],
)
def test_the_primary_key_alone_is_the_key(columns: str, key: tuple[str, ...]) -> None:
    """Columns of the primary key are marked and not null; no other key, however unique, is taken for one."""
    schema = Schema.from_ddl(f"CREATE TABLE t ({columns})")
    assert schema.key == key
    assert not any(schema[name].nullable for name in key)


def test_the_end_of_a_version_belongs_to_the_key() -> None:
    """A server adds it to the primary key of a versioned table whose period is its own columns."""
    columns = "id int PRIMARY KEY, s timestamp(6) AS ROW START, e timestamp(6) AS ROW END, PERIOD FOR SYSTEM_TIME(s, e)"
    assert Schema.from_ddl(f"CREATE TABLE t ({columns}) WITH SYSTEM VERSIONING").key == ("id", "e")


@pytest.mark.parametrize(
    ("options", "charset"),
    [
        ("", ""),
        (
            "ENGINE=InnoDB AUTO_INCREMENT=5 DEFAULT CHARSET=latin1 ROW_FORMAT=DYNAMIC COMMENT='a;b)'",
            " character set latin1",
        ),
        ("COLLATE utf8_bin, ENGINE InnoDB, `page_compressed`='1', DATA DIRECTORY='/x'", " character set utf8mb3"),
        ("DEFAULT CHARACTER SET = utf8mb4 COLLATE = utf8mb4_0900_ai_ci /*!50100 TABLESPACE `x` */ UNION=(a,b)", ""),
        (
            "CHARSET utf8mb3 COLLATE uca1400_ai_ci\n/*!50100 PARTITION BY RANGE (a) (PARTITION p VALUES IN (1)) */",
            " character set utf8mb3",
        ),
    ],
)
def test_text_columns_take_the_charset_of_their_table(options: str, charset: str) -> None:
    """Only those that say none, themselves or by a collation, take it; neither utf8mb4 nor a collation is kept."""
    columns = (
        "a char(3), b text CHARSET utf8mb4 COLLATE utf8mb4_bin, c enum('é'), d varchar(9) COLLATE greek_bin, e int"
    )
    schema = Schema.from_ddl(f"CREATE TABLE t ({columns}) {options}")
    types = [f"char(3){charset}", "text", f"enum('é'){charset}", "varchar(9) character set greek", "int"]
    assert [column.type for column in schema] == [mysql_type(text) for text in types]


def test_a_longtext_that_is_held_to_json_is_json() -> None:
    """MariaDB has no other JSON; a check of another column, of more than that, or not enforced, makes none."""
    schema = Schema.from_ddl(
        "CREATE TABLE t (a longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin CHECK (json_valid(`a`)), b json, "
        "c longtext CHECK (((JSON_VALID(C)))), d longtext CHECK (json_valid(d) and 1), e text CHECK (json_valid(e)), "
        "f longtext, CONSTRAINT x CHECK (json_valid(`f`)), g longtext, CHECK (json_valid(g)) NOT ENFORCED, h longtext)"
    )
    kinds = {column.name: column.type.spelling() for column in schema}
    assert {name for name, kind in kinds.items() if kind == "json"} == {"a", "b", "c", "f"}
    assert {kind for name, kind in kinds.items() if name in "dgh"} == {"longtext"}


# -- what is wrong -----------------------------------------------------------------------


def test_every_mistake_of_a_table_is_told_with_its_place() -> None:
    """Types, words, keys and options are all looked at, whatever was wrong before them, in the order of the text."""
    text = (
        "-- orders\n"
        "CREATE TABLE `orders` (\n"
        "  id uint64 NOT NULL,\n"
        "  `a` int unsinged,\n"
        "  `b` int NOT NUL,\n"
        "  c varchar(9) CHARACTER SET latin9,\n"
        "  d int DEFAULT,\n"
        "  A int,\n"
        "  g int PIRMARY KEY,\n"
        "  e,\n"
        "  f decimal(5,10) PRIMARY KEY,\n"
        "  PRIMARY KEY (id),\n"
        "  KEY (dd), KEY (g), KEY x (f) VISBLE,\n"
        "  h int i int,\n"
        ") ENGINE=InnoDB CHARSETT=latin1"
    )
    assert refusal(text) == [
        "line 3, column 6: unknown type `uint64` (did you mean `bigint unsigned`?)",
        "line 4, column 11: unexpected `unsinged` (did you mean `unsigned`?)",
        "line 5, column 15: expected `null` or `secondary`, not `NUL`",
        "line 6, column 30: unknown character set `latin9`",
        "line 7, column 16: expected a default value",
        "line 8, column 3: column `A` stands twice in the table",
        "line 9, column 9: unexpected `pirmary` (did you mean `primary`?)",
        "line 10, column 4: column `e` has no type",
        "line 11, column 15: scale 10 is above precision 5",
        "line 11, column 19: a table has one primary key",
        "line 13, column 8: there is no column `dd` (did you mean `d`?)",
        "line 13, column 32: unexpected `VISBLE` (did you mean `visible`?)",
        "line 14, column 9: unexpected `i`",
        "line 15, column 1: expected the name of a column",
        "line 15, column 17: unexpected `CHARSETT` (did you mean `charset`?)",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("CREATE TABLE t LIKE s", f"1, column 16: {LIKE}"),
        ("CREATE TABLE t (LIKE s)", f"1, column 16: {LIKE}"),
        ("CREATE TABLE t AS SELECT 1", f"1, column 16: {SELECT}"),
        ("CREATE TABLE t (SELECT 1)", f"1, column 16: {SELECT}"),
        ("CREATE TABLE t (a int) SELECT 1", f"1, column 24: {MORE}"),
        ("CREATE TABLE t (a int) ENGINE=x AS SELECT 1", f"1, column 33: {MORE}"),
        ("CREATE TABLE t", "1, column 15: expected `(` and the columns of the table"),
        ("CREATE TABLE t (a int", "1, column 16: a parenthesis is not closed"),
        ("CREATE TABLE t (a int, a int)", "1, column 24: column `a` stands twice in the table"),
        ("CREATE TABLE t (a int, KEY (a))) x", "1, column 32: unexpected `)`"),
        ("CREATE TABLE t (KEY (a))", "1, column 22: there is no column `a`"),
        ("CREATE TABLE t (a int, PRIMARY KEY (a), PRIMARY KEY (a))", "1, column 41: a table has one primary key"),
        ("CREATE TABLE t (a int PRIMARY KEY, PRIMARY KEY (a))", "1, column 23: a table has one primary key"),
        ("CREATE TABLE t (a int PRIMARY KEY, b int PRIMARY KEY)", "1, column 42: a table has one primary key"),
        ("CREATE TABLE t (a int, PRIMARY KEY (a) b int)", "1, column 40: unexpected `b`"),
        ("CREATE TABLE t (a int, PRIMARY KEY (a WITHOUT OVERLAPS))", "1, column 37: there is no period `a`"),
        ("CREATE TABLE t (a int, PERIOD FOR p (a))", "1, column 35: a period has two bounds"),
        ("CREATE UNLOGGED TABLE t (a int)", "1, column 8: expected `table`, not `UNLOGGED`"),
        ("CREATE TABLE t (a text[])", "1, column 23: unexpected `[`"),
        ("CREATE TABLE t (a int GENERATED BY DEFAULT AS IDENTITY)", "1, column 33: expected `always`, not `BY`"),
        ("CREATE TABLE t (a varchar(9) NOT NULL CHARACTER SET latin1)", "1, column 39: unexpected `CHARACTER`"),
        (
            "CREATE TABLE t (a text COLLATE latin1_bin CHARSET greek)",
            "1, column 19: collation `latin1_bin` is none of `greek`",
        ),
        ("CREATE TABLE t (a int) DEFAULT ENGINE=x", "1, column 32: unexpected `ENGINE`"),
        ("CREATE TABLE t (a int) COLLATE=klingon_bin", "1, column 32: unknown collation `klingon_bin`"),
        ("CREATE TABLE t (a int) CHARSET=latin9", "1, column 32: unknown character set `latin9`"),
        ("CREATE TABLE t (a text) CHARSET=swe7", "1, column 19: character set `swe7` is not supported"),
        ("CREATE TABLE t (a year(2))", f"1, column 24: {YEAR}"),
        ("CREATE TABLE t (a int COMMENT 'x)", f"1, column 31: {OPEN}"),
        ("CREATE TABEL t (a int)", "1, column 8: expected `table`, not `TABEL`"),
        ("CRAETE TABLE t (a int)", "1, column 1: unknown statement `craete table` (did you mean `create`?)"),
        ("CREATE TABLE t (aa int, b int DEFAULT a)", "1, column 39: there is no column `a` (did you mean `aa`?)"),
        ("CREATE TABLE t (`` int)", "1, column 17: the name of a column is empty"),
        ("CREATE TABLE t (a int DEFAULT - x)", "1, column 33: expected a number"),
        ("CREATE TABLE t (\n\n a int COMMENT '\udcff')", f"3, column 17: {UTF8}"),
    ],
)
def test_what_is_no_table_of_a_contract_is_refused_with_its_reason(text: str, problem: str) -> None:
    """One mistake is told once, at its place."""
    assert refusal(text) == [f"line {problem}"]


def test_a_problem_knows_its_place_and_table() -> None:
    """Programs read attributes, not messages."""
    with pytest.raises(DdlError) as caught:
        Schema.from_ddl("CREATE TABLE t (\n  a intt)")
    [problem] = caught.value.problems
    assert type(problem) is DdlProblem
    assert (problem.line, problem.column, problem.table) == (2, 5, "t")
    assert problem.reason == "unknown type `intt` (did you mean `int`?)"
    assert str(caught.value) == "1 problem\n  line 2, column 5: unknown type `intt` (did you mean `int`?)"


PIECES = (
    *("a", "`b`", "int", "varchar", "(9)", "(", ")", ",", "NOT", "NULL", "DEFAULT", "'x'", "PRIMARY", "KEY", "CHECK"),
    *("json_valid", "CHARSET", "=", "latin1", "COLLATE", "latin1_bin", "AS", "ROW", "END", "PERIOD", "FOR", "UNIQUE"),
    *("REFERENCES", "ON", "UPDATE", "ENGINE", "SELECT", "LIKE", ";", "-", ".", "1e", "/*!50000", "*/", "'", "`", "\\"),
    *("CONSTRAINT", "FOREIGN", "USING", "WITHOUT", "OVERLAPS", "PARTITION", "BY", "ALTER TABLE t ADD", "DROP TABLE t;"),
)


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PIECES), max_size=14))
def test_any_text_is_tables_or_problems_with_places(pieces: list[str]) -> None:
    """No text brings the parser to another error, and every problem lies in the text."""
    text = f"CREATE TABLE t (\na int, {' '.join(pieces)}"
    try:
        assert "a" in Schema.from_ddl(text)
    except DdlError as error:
        for problem in error.problems:
            assert problem.line in (0, 1, 2)
            assert problem.column <= len(text) + 1
