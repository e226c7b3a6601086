"""How column types are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanotyped.errors import TypeSyntaxError
from nanotyped.types.grammar import parse_column_type
from nanotyped.types.mysql import mysql_type
from nanotyped.types.type_names import ELSEWHERE, SHAPES, SPELLINGS


@pytest.mark.parametrize(
    ("text", "name", "arguments"),
    [
        ("int", "int", []),
        ("INT(6)", "int", [6]),
        ("  Decimal ( 12 , 2 ) ", "decimal", [12, 2]),
        ("dec(5)", "decimal", [5]),
        ("fixed", "decimal", []),
        ("double\tprecision(10,2)", "double", [10, 2]),
        ("character varying(9)", "varchar", [9]),
        ("national character varying(9)", "varchar", [9]),
        ("nchar varchar(9)", "varchar", [9]),
        ("long", "mediumtext", []),
        ("long varchar", "mediumtext", []),
        ("long varbinary", "mediumblob", []),
        ("int4", "int", []),
        ("middleint", "mediumint", []),
        ("bool", "tinyint", [1]),
        ("boolean", "tinyint", [1]),
        ("int /* comment, with (9) */ (5)", "int", [5]),
        ("varchar(10) /*M!100301 COMPRESSED*/", "varchar", [10]),
        ("geomcollection", "geometrycollection", []),
    ],
)
def test_every_spelling_has_one_name(text: str, name: str, arguments: list[int]) -> None:
    """Synonyms, odd case, blanks and comments lead to the name that servers print."""
    found = parse_column_type(text)
    assert (found.name, [argument.value for argument in found.arguments]) == (name, arguments)


def test_positions_point_into_the_text() -> None:
    """Name, arguments, members and charset know where they stand."""
    found = parse_column_type("  decimal(12, 2) unsigned")
    assert (found.position, [argument.position for argument in found.arguments]) == (2, [10, 14])
    enum = parse_column_type("enum('a', 'bc') charset latin1")
    assert [member.position for member in enum.members or ()] == [5, 10]
    assert enum.charset_position == 24


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ("enum('a','b')", ["a", "b"]),
        ("set ( 'a' , 'b' )", ["a", "b"]),
        ("enum('it''s','(',')',',','')", ["it's", "(", ")", ",", ""]),
        (
            r"enum('back\\slash','new\nline','tab\t','q\'uote','\%','\x')",
            ["back\\slash", "new\nline", "tab\t", "q'uote", "\\%", "x"],
        ),
        ('enum("say ""hi""","it\'s")', ['say "hi"', "it's"]),
        ("enum('😀','日本')", ["😀", "日本"]),
        ("enum('/* no comment */','-- nor this')", ["/* no comment */", "-- nor this"]),
        (r"enum('\\''','\\')", ["\\'", "\\"]),
    ],
)
def test_members_are_read_as_servers_print_them(text: str, members: list[str]) -> None:
    """Doubled quotes and backslash escapes are undone; nothing inside of quotes is syntax."""
    assert [member.value for member in parse_column_type(text).members or ()] == members


@pytest.mark.parametrize(
    ("text", "flags", "charset", "collation"),
    [
        ("int unsigned zerofill", {"unsigned", "zerofill"}, None, None),
        ("int zerofill unsigned", {"unsigned", "zerofill"}, None, None),
        ("int/*!50000 unsigned */", {"unsigned"}, None, None),
        ("serial", {"unsigned"}, None, None),
        ("char(9) binary", {"binary"}, None, None),
        ("char(9) byte", {"byte"}, None, None),
        ("varchar(9) character set latin1 collate latin1_bin", set(), "latin1", "latin1_bin"),
        ("varchar(9) CHARSET=LATIN1 COLLATE 'latin1_bin'", set(), "latin1", "latin1_bin"),
        ("text char set utf8mb4", set(), "utf8mb4", None),
        ("char(9) ascii", set(), "latin1", None),
        ("char(9) unicode", set(), "ucs2", None),
        ("nvarchar(9)", set(), "utf8mb3", None),
        ("text compressed=zlib", {"compressed"}, None, None),
    ],
)
def test_what_follows_a_name_is_kept(text: str, flags: set[str], charset: str | None, collation: str | None) -> None:
    """Flags, character set and collation are read in any order that servers take."""
    found = parse_column_type(text)
    assert (set(found.flags), found.charset, found.collation) == (flags, charset, collation)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no type at position 0 of ``"),
        ("  ", "no type at position 2 of `  `"),
        ("(5)", "a type begins with a word at position 0 of `(5)`"),
        ("varchar", "`varchar` needs a length at position 7 of `varchar`"),
        ("varchar(", "expected a whole number at position 8 of `varchar(`"),
        ("varchar(5", "a parenthesis is not closed at position 9 of `varchar(5`"),
        ("varchar(5))", "nothing may follow `varchar` here at position 10 of `varchar(5))`"),
        ("varchar(5,6)", "`varchar` takes 1 arguments, not 2 at position 10 of `varchar(5,6)`"),
        ("double(10)", "`double` takes 0 or 2 arguments, not 1 at position 7 of `double(10)`"),
        ("date(3)", "`date` takes no arguments at position 4 of `date(3)`"),
        ("int()", "expected a whole number at position 4 of `int()`"),
        ("int(1_0)", "`1_0` is no whole number at position 4 of `int(1_0)`"),
        ("int(0x5)", "`0x5` is no whole number at position 4 of `int(0x5)`"),
        ("int(-5)", "unexpected character '-' at position 4 of `int(-5)`"),
        ("int(\u0665)", "unexpected character '\u0665' at position 4 of `int(\u0665)`"),
        ("int(5 6)", "expected `,` or `)` at position 6 of `int(5 6)`"),
        (f"int({'9' * 13})", f"a number of too many digits at position 4 of `int({'9' * 13})`"),
        ("int not null", "unexpected `not` (a type is not null unless it is told) at position 4 of `int not null`"),
        (
            "varchar(9) null",
            "unexpected `null` (in Python it is TYPE.nullable(); the columns of a schema mapping are spelled so) "
            "at position 11 of `varchar(9) null`",
        ),
        (
            "bool null",
            "unexpected `null` (in Python it is TYPE.nullable(); the columns of a schema mapping are spelled so) "
            "at position 5 of `bool null`",
        ),
        ("text[]", "no column holds a list of `text`; `json` holds one at position 4 of `text[]`"),
        ("datetime64[ns]", "unknown type `datetime64` (did you mean `datetime(6)`?) at position 0 of `datetime64[ns]`"),
        (
            "tinyint(1) as bool",
            'unexpected `as` (in Python it is mysql_type(…, tinyint1="bool"); the columns of a schema mapping are '
            "spelled so) at position 11 of `tinyint(1) as bool`",
        ),
        (
            "bit(12) AS bytes",
            'unexpected `as` (in Python it is mysql_type(…, bit="bytes"); the columns of a schema mapping are spelled '
            "so) at position 8 of `bit(12) AS bytes`",
        ),
        (
            "date or invalid",
            'unexpected `or` (in Python it is mysql_type(…, zero_date="keep"); the columns of a schema mapping are '
            "spelled so) at position 5 of `date or invalid`",
        ),
        ("int as bool", "unexpected `as` at position 4 of `int as bool`"),
        ("int; drop table x", "unexpected character ';' at position 3 of `int; drop table x`"),
        ("int -- hi", "unexpected character '-' at position 4 of `int -- hi`"),
        ("int unsinged", "unexpected `unsinged` (did you mean `unsigned`?) at position 4 of `int unsinged`"),
        ("int signed unsigned", "`int` cannot be both signed and unsigned at position 0 of `int signed unsigned`"),
        ("date unsigned", "`date` cannot be `unsigned` at position 5 of `date unsigned`"),
        ("bool unsigned", "nothing may follow `bool` here at position 5 of `bool unsigned`"),
        ("enum", "`enum` needs a list of members at position 4 of `enum`"),
        ("enum()", "expected a quoted member of `enum` at position 5 of `enum()`"),
        ("enum(a)", "expected a quoted member of `enum` at position 5 of `enum(a)`"),
        ("enum('a',)", "expected a quoted member of `enum` at position 9 of `enum('a',)`"),
        ("enum('a' 'b')", "expected `,` or `)` at position 9 of `enum('a' 'b')`"),
        ("enum('a'", "a parenthesis is not closed at position 8 of `enum('a'`"),
        ("enum('a", "a quote is not closed at position 5 of `enum('a`"),
        ("enum('a\\'", "a quote is not closed at position 5 of `enum('a\\'`"),
        ("int /* 5", "a comment is not closed at position 4 of `int /* 5`"),
        ("int /*! unsigned", "a comment is not closed at position 16 of `int /*! unsigned`"),
        ("char(5) charset", "expected the name of a character set at position 15 of `char(5) charset`"),
        (
            "nchar(5) charset latin1",
            "its character set is `utf8mb3` already at position 17 of `nchar(5) charset latin1`",
        ),
        ("interval", "unknown type `interval` (did you mean `time`?) at position 0 of `interval`"),
        ("varchra(5)", "unknown type `varchra` (did you mean `varchar`?) at position 0 of `varchra(5)`"),
        ("intint", "unknown type `intint` (did you mean `int`?) at position 0 of `intint`"),
        ("`int`", "unexpected character '`' at position 0 of ``int``"),
    ],
)
def test_malformed_text_says_what_and_where(text: str, message: str) -> None:
    """Text that is no column type raises, with the position and the reason."""
    with pytest.raises(TypeSyntaxError) as caught:
        parse_column_type(text)
    assert str(caught.value) == message


@pytest.mark.parametrize("text", [None, 5, b"int", ["int"]])
def test_only_text_is_parsed(text: object) -> None:
    """What is no str is a mistake of the program, not of the text."""
    with pytest.raises(TypeError, match=r"^a column type is spelled in a str, not in "):
        parse_column_type(text)  # type: ignore[arg-type]  # what is tested


@given(st.text(alphabet=st.sampled_from("int(52),'\"\\ /*!unsigedarcho😀\n_xM10"), max_size=30) | st.text(max_size=20))
def test_any_text_is_a_type_or_a_syntax_error(text: str) -> None:
    """No text brings the parser to another error, and the position of a fault lies in the text."""
    try:
        position = parse_column_type(text).position
    except TypeSyntaxError as error:
        position = error.position
    assert 0 <= position <= len(text)


def test_every_spelling_leads_to_a_known_shape() -> None:
    """No synonym points to a name that has no shape."""
    assert {spelling.name for spelling in SPELLINGS.values()} == SHAPES.keys()


@pytest.mark.parametrize(
    ("word", "here"),
    [
        ("uint64", "bigint unsigned"),
        ("Int64", "bigint"),
        ("int32", "int"),
        ("int16", "smallint"),
        ("uint32", "int unsigned"),
        ("uint8", "tinyint unsigned"),
        ("float64", "double"),
        ("float32", "float"),
        ("string", "varchar(n)` or `text"),
        ("str", "varchar(n)` or `text"),
        ("number", "double` or `decimal(p,s)"),
        ("money", "decimal(19,4)"),
        ("jsonb", "json"),
        ("timestamptz", "timestamp(6)"),
        ("bytea", "blob"),
        ("uniqueidentifier", "uuid"),
        ("bigserial", "bigint"),
        # No word of another system: the nearest one.
        ("bolean", "boolean"),
        ("nmeric", "numeric"),
    ],
)
def test_words_of_other_systems_get_the_type_that_they_mean(word: str, here: str) -> None:
    """Whoever comes from Python, Arrow, Postgres, pandas or TypeScript is told what their word is here."""
    with pytest.raises(TypeSyntaxError) as caught:
        parse_column_type(word)
    assert caught.value.reason == f"unknown type `{word.lower()}` (did you mean `{here}`?)"


@pytest.mark.parametrize("word", ["int8", "boolean", "numeric", "uuid", "nvarchar(9)", "real", "serial"])
def test_words_that_servers_know_are_types_whoever_else_has_them(word: str) -> None:
    """MySQL has its own synonyms, NVARCHAR (MySQL 8.4 manual 11.3.1) and an INT8 of eight bytes among them."""
    mysql_type(word)


def test_every_word_of_another_system_leads_to_types() -> None:
    """No hint names what would be refused in turn, and none stands for a word that is known."""
    assert not ELSEWHERE.keys() & SPELLINGS.keys()
    for here in ELSEWHERE.values():
        for text in here.split("` or `"):
            mysql_type(text.replace("(n)", "(9)").replace("(p,s)", "(9,2)"))
