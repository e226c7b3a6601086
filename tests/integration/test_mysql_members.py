"""ENUM and SET columns on a real server: members that it prints wrongly, and sets by the numbers of their own table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from nanotyped import (
    GraphTypeError,
    NodeFailedError,
    RowValidationError,
    SourceError,
    StreamMySQLTable,
    WriteMySQLTable,
)
from nanotyped.nodes.sql import members
from nanotyped.nodes.sql.members import UntoldMembersError, is_doubtful, told_members
from nanotyped.nodes.sql.mysql import MySQLReader
from nanotyped.types.mysql import mysql_type
from tests.support.flows import run_into
from tests.support.sql import describe, rows_of

if TYPE_CHECKING:
    from tests.support.mariadb import Database

UNTOLD = (
    "the server prints characters beyond U+FFFF as `?` in the members of an enum or a set, and does not tell what "
    "`set('?','b')` stands for"
)
SIXTY_FOUR = tuple(f"m{number}" for number in range(64))


def spelled(members: tuple[str, ...]) -> str:
    """Return a list of members as CREATE TABLE takes it."""
    return ",".join(f"'{member}'" for member in members)


@pytest.mark.parametrize("charset", ["utf8mb4", "utf16", "utf16le", "utf32"])
@pytest.mark.parametrize("family", ["enum", "set"])
def test_members_that_print_alike_are_told_apart(database: Database, family: str, charset: str) -> None:
    """The server prints an emoji as `?`; the types have the members that the column has, in order."""
    given = ("a😀", "a?", "b", "?", "it''s 🎉\\\\", "é", "")
    database.execute(f"CREATE TABLE `100% t` (`v``%s` {family}({spelled(given)}) CHARACTER SET {charset})")
    printed = database.execute("SELECT COLUMN_TYPE FROM information_schema.COLUMNS WHERE TABLE_NAME = '100% t'")
    assert printed == [(f"{family}('a?','a?','b','?','it''s ?\\\\','é','')",)]
    [column] = describe(database, "100% t").schema
    assert column.type.members == ("a😀", "a?", "b", "?", "it's 🎉\\", "é", "")  # type: ignore[attr-defined]  # it has


def test_values_of_members_that_print_alike_are_read_and_written(database: Database) -> None:
    """An emoji stays one and a question mark too, through text and through numbers."""
    ddl = "(id int PRIMARY KEY, e enum('😀','?') CHARACTER SET utf8mb4, s set('','😀','?') CHARACTER SET utf8mb4)"
    database.execute(f"CREATE TABLE t {ddl}", f"CREATE TABLE u {ddl}", "INSERT INTO t VALUES (1,1,2),(2,2,5),(3,1,0)")
    rows = [(1, "😀", frozenset("😀")), (2, "?", frozenset(("", "?"))), (3, "😀", frozenset[str]())]
    assert rows_of(StreamMySQLTable(url=database.url, table="t")) == rows
    _ = (source := StreamMySQLTable(url=database.url, table="t")) > WriteMySQLTable(url=database.url, table="u")
    source.run()
    assert database.execute("SELECT id, e + 0, s + 0 FROM u") == [(1, 1.0, 2.0), (2, 2.0, 5.0), (3, 1.0, 0.0)]


def test_members_of_a_view_are_told_to_who_may_read_the_column_alone(database: Database) -> None:
    """It takes no right beyond that to read the column."""
    database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, e enum('😀','?') CHARACTER SET utf8mb4)",
        "CREATE VIEW w AS SELECT e FROM t",
    )
    database.execute(
        "CREATE USER narrow@'%' IDENTIFIED BY 'n'", f"GRANT SELECT (e) ON `{database.name}`.t TO narrow@'%'"
    )
    try:
        [column] = describe(database, "t", user="narrow", password=SecretStr("n")).schema
    finally:
        database.execute("DROP USER narrow@'%'")
    [viewed] = describe(database, "w").schema
    assert column.type is viewed.type is mysql_type("enum('😀','?')")


def test_members_that_are_not_what_is_printed_are_not_taken() -> None:
    """Where the server says otherwise than it prints, neither is believed."""
    text = "set('?','b')"
    with pytest.raises(UntoldMembersError) as caught:
        told_members(text, "t", "v", lambda _: [("78,62,",)])
    assert str(caught.value) == UNTOLD


def test_a_column_whose_members_are_not_told_is_refused_with_the_remedy(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a server that does not know the question: table, column, fault and remedy; the other columns are read."""
    monkeypatch.setattr(members, "_BLOCK", "SELECT MEMBERS OF {column}")
    database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, v set('😀','b') CHARACTER SET utf8mb4)", "INSERT INTO t VALUES (1, 1)"
    )
    at = f"table `{database.name}`.`t` on {database.server.host}:{database.server.port}"
    message = f"{at} cannot be read: column `v`: {UNTOLD}; leave it out with `columns`"
    with pytest.raises(SourceError) as caught:
        rows_of(StreamMySQLTable(url=database.url, table="t"))
    assert str(caught.value) == message
    assert rows_of(StreamMySQLTable(url=database.url, table="t", columns=["id"])) == [(1,)]
    assert describe(database, "t", []).refused == {"v": UNTOLD}
    with pytest.raises(GraphTypeError) as refused:
        run_into(WriteMySQLTable(url=database.url, table="t", name="write"), [], {"id": "int", "v": "set('b')"})
    assert [str(problem) for problem in refused.value.exceptions] == [
        f"node `write`: column `v` of {at} is of a type that is not known here: {UNTOLD}. "
        "Hint: leave it out before, with Remapper(retain_input=False)"
    ]


@pytest.mark.parametrize(
    ("text", "charset", "doubtful"),
    [
        ("enum('?')", "utf8mb4", True),
        ("set('a?')", "utf32", True),
        ("enum('a')", "utf8mb4", False),
        ("enum('?')", "utf8mb3", False),
        ("enum('?')", "latin1", False),
        ("varchar(3)", "utf8mb4", False),
    ],
)
def test_only_what_may_hide_another_character_is_asked_for(text: str, charset: str, doubtful: bool) -> None:
    """A charset without characters beyond U+FFFF hides none."""
    assert is_doubtful(text, charset) is doubtful


def test_two_members_that_the_server_itself_takes_for_one_are_its_own_error(database: Database) -> None:
    """MariaDB refuses two emoji members in general collations, so that no such table is there to be read."""
    with pytest.raises(Exception, match="duplicated value"):
        database.execute("CREATE TABLE t (v set('😀','🎉') CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci)")
    database.execute("CREATE TABLE t (v set('😀','🎉') CHARACTER SET utf8mb4 COLLATE utf8mb4_bin)")
    assert describe(database, "t").schema["v"].type.members == ("😀", "🎉")  # type: ignore[attr-defined]  # it has


@pytest.mark.parametrize(
    ("given", "target", "value", "number"),
    [
        (("a", "b", "c"), ("c", "x", "b", "a"), frozenset("ab"), 0b1100),
        (("", "a"), ("a", "b", ""), frozenset(("", "a")), 0b101),
        (("", "a"), ("a", "b", ""), frozenset(("",)), 0b100),
        (("я", "é"), ("é", "я", "?"), frozenset("я"), 0b10),
        (SIXTY_FOUR[:3], SIXTY_FOUR[::-1], frozenset(("m0", "m2")), 0b101 << 61),
        (SIXTY_FOUR, SIXTY_FOUR, frozenset(SIXTY_FOUR), 2**64 - 1),
        (SIXTY_FOUR, SIXTY_FOUR, frozenset(), 0),
    ],
)
def test_a_set_is_written_by_the_numbers_of_the_target(
    database: Database, given: tuple[str, ...], target: tuple[str, ...], value: frozenset[str], number: int
) -> None:
    """Members in another order, and more of them: what is stored is what was given."""
    database.execute(f"CREATE TABLE t (id int PRIMARY KEY, v set({spelled(target)}) CHARACTER SET utf8mb4)")
    run_into(WriteMySQLTable(url=database.url, table="t"), [(1, value)], {"id": "int", "v": f"set({spelled(given)})"})
    assert database.execute("SELECT CAST(v AS UNSIGNED) FROM t") == [(number,)]
    if "" not in target:
        assert rows_of(StreamMySQLTable(url=database.url, table="t")) == [(1, value)]


def test_a_set_in_a_charset_of_few_characters_takes_its_members_whole(database: Database) -> None:
    """Members are what they are in the column's charset, whatever that of the session is."""
    database.execute("CREATE TABLE t (id int PRIMARY KEY, v set('я','ю','') CHARACTER SET cp1251)")
    run_into(
        WriteMySQLTable(url=database.url, table="t"),
        [(1, frozenset(("ю", "")))],
        {"id": "int", "v": "set('ю','') character set cp1251"},
    )
    assert database.execute("SELECT v + 0, HEX(v) FROM t") == [(6.0, "FE2C")]
    assert rows_of(StreamMySQLTable(url=database.url, table="t")) == [(1, frozenset(("ю", "")))]


def test_a_value_that_is_no_member_of_the_target_is_refused_with_its_cell(database: Database) -> None:
    """Rows whose type is not known before the run are held to the members of the table."""
    database.execute("CREATE TABLE t (id int PRIMARY KEY, v set('a','😀') CHARACTER SET utf8mb4)")
    rows: list[Any] = [{"id": 1, "v": frozenset("a")}, {"id": 2, "v": frozenset("?")}]
    with pytest.raises(NodeFailedError) as caught:
        run_into(WriteMySQLTable(url=database.url, table="t"), rows)
    assert isinstance(caught.value.__cause__, RowValidationError)
    [problem] = caught.value.__cause__.problems
    assert (problem.row, problem.column, problem.reason) == (2, "v", "'?' is not one of the members")
    assert database.execute("SELECT COUNT(*) FROM t") == [(0,)]


def test_a_server_that_cannot_be_asked_gives_enums_by_their_text_alone(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MySQL knows no `TYPE OF`: a wrong text is no member of an enum, but a number may be of another set."""
    monkeypatch.setattr(MySQLReader, "_is_mariadb", False)
    database.execute("CREATE TABLE t (e enum('a','?') CHARACTER SET utf8mb4, s set('?','b') CHARACTER SET utf8mb4)")
    found = describe(database, "t", [])
    assert found.schema.names == ("e",)
    assert found.refused == {"s": UNTOLD}
