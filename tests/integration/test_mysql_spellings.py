"""Every spelling of a column type that CREATE TABLE takes, against what the server makes of it.

The lists are those of the MySQL 8.4 and 9 manuals (chapter 11, "Data Types", and its list of synonyms) and of MariaDB's
documentation, as far as MariaDB 10.11 takes them; ``vector``, ``geomcollection`` and ``srid`` are of other servers.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pymysql
import pytest

from nanotyped.errors import TypeSyntaxError
from nanotyped.types.charsets import collation_problem
from nanotyped.types.mysql import MYSQL_INTEGER_BASE, mysql_type, render_ddl
from nanotyped.types.type_names import SPELLINGS
from tests.support.sql import describe

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.support.mariadb import Database

OTHER_SERVERS = {"vector", "geomcollection"}
INTEGERS = (
    *("tinyint", "smallint", "mediumint", "int", "integer", "bigint"),
    *("int1", "int2", "int3", "int4", "int8", "middleint"),
)
CHARS = ("char", "character", "nchar", "national char", "national character")
VARCHARS = (
    *("varchar", "varcharacter", "char varying", "character varying"),
    *("nvarchar", "nchar varchar", "nchar varying", "nchar varcharacter", "national varchar"),
    *("national varcharacter", "national char varying", "national character varying"),
)
LONGS = ("long", "long varchar", "long char varying", "long character varying", "long varcharacter")
SHAPES = ("point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection")


def each(names: Iterable[str], *endings: str) -> list[str]:
    """Return every name with every ending."""
    return [name + ending for name, ending in itertools.product(names, endings)]


TEXT_ENDINGS = ("", " ascii", " unicode", " binary", " charset latin1", " collate latin1_bin")
TAKEN = (
    *each(INTEGERS, "", "(3)", "(255)", " unsigned", " signed", "(5) zerofill", " zerofill unsigned"),
    *("serial", "bool", "boolean", "tinyint(1)", "bit", "bit(0)", "bit(1)", "bit(64)"),
    *each(("decimal", "dec", "fixed", "numeric"), "", "(5)", "(0)", "(12,2)", "(65,38)", "(38,38)", "(12,2) zerofill"),
    *each(("float", "float4"), "", "(0)", "(24)", "(25)", "(53)", "(7,3)", "(255,30)", "(0,0)", " unsigned"),
    *each(("double", "float8", "real", "double precision"), "", "(7,3) unsigned zerofill", "(0,0)", " unsigned"),
    *("date", "year", "year(4)", "year(4) unsigned zerofill", "sql_tsi_year"),
    *each(("datetime", "timestamp", "time"), "", "(0)", "(3)", "(6)"),
    *each(CHARS, "", "(0)", "(9)", "(255)", "(9) binary"),
    *each(CHARS[:2], "(9) byte", " byte", "(9) character set binary", *TEXT_ENDINGS),
    *each(VARCHARS, "(0)", "(9)", "(300)", "(9) binary", "(9) compressed"),
    *each(each(VARCHARS[:4], "(9)"), " byte", " charset binary", *TEXT_ENDINGS),
    *each(("tinytext", "text", "mediumtext", "longtext", *LONGS), " byte", " compressed", *TEXT_ENDINGS),
    *each(("text", "blob"), "(0)", "(1)", "(63)", "(64)", "(255)", "(256)", "(16383)", "(16384)"),
    *each(("text", "blob"), "(65535)", "(65536)", "(16777215)", "(16777216)"),
    *each(("text",), "(255) charset latin1", "(256) charset latin1", "(85) charset utf8mb3", "(86) charset utf8mb3"),
    *each(("tinyblob", "blob", "mediumblob", "longblob", "long varbinary"), "", " compressed"),
    *each(("binary",), "", "(0)", "(255)"),
    *each(("varbinary",), "(0)", "(300)", "(9) compressed"),
    *("json", "json compressed", "uuid", "inet4", "inet6", "geometry", *SHAPES),
    *(
        "enum('a','b ')",
        "enum('')",
        "enum('x') binary",
        "set('x') ascii",
        "set('x','y') unicode",
        "set('a') charset utf8",
    ),
    *("enum('it''s','q\"','b\\\\s','a,b')", "enum('\\n','\\0','\\Z','\\r','\\t','\\b','\\%','\\_')", "set('(',')')"),
    *each(("datetime", "varchar(9)"), " /* a comment */", "/**/"),
)
REFUSED = (
    *("int(256)", "int(-1)", "int()", "int signed unsigned", "bool unsigned", "serial unsigned", "bit(65)"),
    *("decimal(66)", "decimal(5,10)", "decimal(40,39)", "decimal(1,2,3)", "float(54)", "float(256,3)", "float(5,31)"),
    *(
        "double(10)",
        "real(10)",
        "double precision(10)",
        "datetime(7)",
        "time(-1)",
        "date(3)",
        "year(2",
        "date unsigned",
    ),
    *("char(256)", "char(-1)", "varchar", "varchar()", "varbinary", "char(9) unsigned", "nchar(9) byte", "nchar byte"),
    *("nchar(9) ascii", "nvarchar(9) charset latin1", "tinytext(9)", "longblob(9)", "json(5)", "set('x',)"),
    *("enum()", "set()", "enum", "enum('a','a')", "set('a,b')", "enum(a)", "set('x'", "point unsigned"),
    *("interval", "string", "number", "clob", "varchar2(9)", "raw(9)", "1_0", "int(1_0)", "int(٣)", ""),
    *("varchar(9) charset klingon", "varchar(9) charset latin1 collate utf8mb4_bin", "blob charset latin1"),
)


# Numbers that the server drops in silence; nobody means them.
DROPPED = ("int(1.5)", "varchar(9.7)", "uuid(5)", "inet4(3)", "point(3)")


def without_defaults(kind: Any) -> Any:
    """Return a type without what the server adds or what is told apart from COLUMN_TYPE: width and collation."""
    unknown = {name: None for name in ("display_width", "collation") if name in kind.parameters}
    return kind.of(**unknown) if unknown else kind


def test_every_spelling_means_what_the_server_makes_of_it(database: Database) -> None:
    """The class that a spelling gives is the very class that the live column gives."""
    size = 25  # columns of a table, for a row has 65535 bytes
    different = []
    for start in range(0, len(TAKEN), size):
        columns = [f"c{index} {text} NULL" for index, text in enumerate(TAKEN[start : start + size])]
        columns = [text.removesuffix(" NULL") if "serial" in text else text for text in columns]
        database.execute(f"CREATE OR REPLACE TABLE t ({', '.join(columns)})")
        for text, column in zip(TAKEN[start : start + size], describe(database, "t").schema, strict=True):
            given, live = mysql_type(text), column.type
            has_width = issubclass(given, MYSQL_INTEGER_BASE) and given.display_width is not None
            if live is not given and (has_width or without_defaults(live) is not without_defaults(given)):
                different.append(f"`{text}` is `{given.spelling()}`, the server's is `{live.spelling()}`")
    assert different == []


def test_every_name_is_tried() -> None:
    """No spelling that is known here goes without a look at what the server makes of it."""
    tried = {text for text in TAKEN if text in SPELLINGS} | {text.partition("(")[0] for text in TAKEN}
    assert set(SPELLINGS) - tried == OTHER_SERVERS


def test_what_the_server_refuses_is_refused(database: Database) -> None:
    """Malformed text and sizes out of range are errors on both sides."""
    taken = []
    for text in REFUSED:
        with pytest.raises(TypeSyntaxError):
            mysql_type(text)
        try:
            database.execute(f"CREATE OR REPLACE TABLE t (v {text})")
        except pymysql.Error:
            continue
        taken.append(text)
    assert taken == []


@pytest.mark.parametrize("text", DROPPED)
def test_numbers_that_the_server_drops_are_refused(database: Database, text: str) -> None:
    """It takes them without a word: here they are mistakes."""
    database.execute(f"CREATE TABLE t (v {text})")
    with pytest.raises(TypeSyntaxError):
        mysql_type(text)


def test_what_is_rendered_makes_the_same_column(database: Database) -> None:
    """CREATE TABLE of a rendered type gives the type, for every spelling."""
    kinds = list(dict.fromkeys(map(mysql_type, TAKEN)))
    size = 25
    for start in range(0, len(kinds), size):
        some = kinds[start : start + size]
        columns = ", ".join(f"c{index} {render_ddl(kind)} NULL" for index, kind in enumerate(some))
        database.execute(f"CREATE OR REPLACE TABLE t ({columns})")
        found = [without_defaults(column.type) for column in describe(database, "t").schema]
        assert found == [without_defaults(kind) for kind in some]


@pytest.mark.parametrize(
    ("printed", "spelled"),
    [
        # MySQL from 8.0.19 on prints no display width, but of tinyint(1) and beside zerofill.
        ("int", "integer"),
        ("int unsigned", "int4 unsigned"),
        ("tinyint(1)", "bool"),
        ("bigint unsigned", "serial"),
        ("int(10) unsigned zerofill", "int(10) zerofill"),
        ("year", "year(4)"),
        ("geomcollection", "geometrycollection"),
        ("vector(2048)", "vector"),
        ("double(7,3) unsigned", "real(7,3) unsigned"),
        # Moments in the format of servers before 5.6.
        ("datetime /* 5.5 binary format */", "datetime"),
        ("timestamp /* mariadb-5.3 */", "timestamp"),
        ("time(3) /* mariadb-5.3 */", "time(3)"),
        ("varchar(9) /*M!100301 COMPRESSED*/", "varchar(9)"),
        ("longtext /*M!100301 COMPRESSED*/", "longtext"),
    ],
)
def test_what_other_servers_print_is_read(printed: str, spelled: str) -> None:
    """COLUMN_TYPE of MySQL 5.7 to 9 and of old tables."""
    assert mysql_type(printed) is mysql_type(spelled)


def test_every_collation_of_the_server_is_known(database: Database) -> None:
    """Whatever it lists is one for a column of its character set."""
    found = database.execute("SELECT COLLATION_NAME FROM information_schema.COLLATIONS")
    assert len(found) > 400
    assert [name for (name,) in found if collation_problem(name)] == []
