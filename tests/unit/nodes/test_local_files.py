from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from nanotyped.errors import GraphTypeError
from nanotyped.nodes.csv_text import CSVReader, CSVToDictionaryList
from nanotyped.nodes.local_files import LocalFileReader
from nanotyped.row import parse_schema
from tests.support.flows import Given, KeepingMarkers, Kept, reject_one, run_through

if TYPE_CHECKING:
    from pathlib import Path


# -- LocalFileReader ---------------------------------------------------------------------


@pytest.fixture
def letters(tmp_path: Path) -> Path:
    """Return a directory with two files."""
    (tmp_path / "a.txt").write_bytes("one\r\ntwö\n\nlast".encode())
    (tmp_path / "empty").write_bytes(b"")
    return tmp_path


def test_whole_files(letters: Path) -> None:
    """A bare name gives the text of the file, UTF-8 with its line ends as they are; an absolute name stays itself."""
    text = "one\r\ntwö\n\nlast"
    assert run_through(LocalFileReader(directory=letters), ["a.txt", "empty"]).dicts == [
        {"__value__": text},
        {"__value__": ""},
    ]
    assert run_through(LocalFileReader(directory="/nowhere"), [str(letters / "a.txt")]).dicts == [{"__value__": text}]


def test_bytes(letters: Path) -> None:
    """With `rb` what is given are the bytes."""
    kept = run_through(LocalFileReader(directory=letters, read_mode="rb"), ["a.txt"])
    assert kept.dicts == [{"__value__": "one\r\ntwö\n\nlast".encode()}]


def test_names_by_key(letters: Path) -> None:
    """With `key` the name is a column, and with `output_key` the text is one beside it."""
    node = LocalFileReader(directory=letters, key="file", output_key="text")
    assert run_through(node, [("a.txt", 1)], {"file": "varchar(9)", "n": "int"}).dicts == [
        {"file": "a.txt", "n": 1, "text": "one\r\ntwö\n\nlast"}
    ]


@pytest.mark.parametrize(("read_mode", "lines"), [("r", ["one\r\n", "twö\n", "\n", "last"]), ("rb", None)])
def test_lines(letters: Path, read_mode: Any, lines: list[str] | None) -> None:
    """With `serialize` each line is a message, its end included, between the markers of its file."""
    sink = KeepingMarkers()
    node = LocalFileReader(directory=letters, serialize=True, read_mode=read_mode)
    _ = Given(["a.txt", "empty"]) > node > sink
    node.run()
    wanted: list[Any] = [*(lines or (b"one\r\n", "twö\n".encode(), b"\n", b"last"))]
    assert sink.seen == ["BatchStart", *wanted, "BatchEnd", "BatchStart", "BatchEnd"]


def test_no_markers_if_they_are_not_wanted(letters: Path) -> None:
    """Without `send_batch_markers` the lines come alone."""
    sink = KeepingMarkers()
    node = LocalFileReader(directory=letters, serialize=True, send_batch_markers=False)
    _ = Given(["a.txt"]) > node > sink
    node.run()
    assert sink.seen == ["one\r\n", "twö\n", "\n", "last"]


def test_a_missing_file_is_an_error_of_its_row(letters: Path, tmp_path: Path) -> None:
    """A file that is not there is named, and the other rows go on where the policy says so."""
    found = reject_one(lambda **more: LocalFileReader(directory=letters, **more), ["empty", "b.txt", "a.txt"], tmp_path)
    assert found.failure == f"cannot read {letters}/b.txt: No such file or directory"
    assert found.before == [{"__value__": ""}]
    assert found.others == [{"__value__": ""}, {"__value__": "one\r\ntwö\n\nlast"}]
    assert len(found.letters) == 1


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("sub", "cannot read {}/sub: Is a directory"),
        ("latin", "{}/latin is no UTF-8 text: invalid continuation byte at byte 2"),
        ("a.txt/x", "cannot read {}/a.txt/x: Not a directory"),
        (7, "a file name is wanted, got 7; key says where in the message it is"),
        ("", "a file name is wanted, got ''; key says where in the message it is"),
    ],
)
def test_what_cannot_be_read_is_an_error_of_its_row(
    letters: Path, tmp_path: Path, message: object, reason: str
) -> None:
    """A directory, bytes that are no UTF-8, and what is no name at all are told."""
    (letters / "sub").mkdir()
    (letters / "latin").write_bytes("na\xefve".encode("latin-1"))
    found = reject_one(lambda **more: LocalFileReader(directory=letters, **more), [message, "empty"], tmp_path)
    assert found.failure == reason.format(letters)
    assert found.others == [{"__value__": ""}]


def test_the_contract_of_a_file_reader() -> None:
    """A text, or bytes, beside the columns that come; a bare one beside columns is refused before the run."""
    given = parse_schema({"file": "varchar(9)"})
    node = LocalFileReader(key="file", output_key="text", name="read")
    sink = Kept(input_schema={"file": "varchar(9)", "text": "int"}, name="sink")
    _ = Given([], given, name="given") > node > sink
    with pytest.raises(GraphTypeError) as caught:
        node.run()
    assert [str(problem).partition(". Hint")[0] for problem in caught.value.problems] == [
        "Expected `int`, got `string` - at `read → sink` $.text"
    ]
    with pytest.raises(GraphTypeError) as caught:
        run_through(LocalFileReader(key="file", name="read"), [], given)
    assert [str(problem) for problem in caught.value.problems] == [
        "node `read` gives a bare value for rows of named columns. Hint: give output_key, or retain_input: false"
    ]


def test_a_mode_that_is_none() -> None:
    """Another mode than reading text or bytes is refused."""
    with pytest.raises(ValueError, match=r"^read_mode must be r or rb, not 'w'$"):
        LocalFileReader(read_mode="w")  # type: ignore[arg-type]  # on purpose


# -- CSVReader -----------------------------------------------------------------------------

QUOTED = 'name,note\r\n"Li, Wei","said ""no"",\nthen left"\r\n\r\nÁ,\r\n'


def test_csv_records() -> None:
    """A message for each record; quotes, commas and line ends in quotes are data, empty lines are none."""
    assert run_through(CSVReader(), [QUOTED]).dicts == [
        {"name": "Li, Wei", "note": 'said "no",\nthen left'},
        {"name": "Á", "note": ""},
    ]


def test_csv_of_other_shapes() -> None:
    """Another delimiter, a byte-order mark, columns of any name; of a header alone, or of nothing, nothing comes."""
    assert run_through(CSVReader(delimiter=";"), ["\ufeffa b;class\n1,5;x"]).dicts == [{"a b": "1,5", "class": "x"}]
    assert run_through(CSVReader(), ["a,b\n", "", "\n"]).rows == []


def test_csv_by_key() -> None:
    """With `key` the columns that come are sent along with each record, unless they are not to be."""
    rows, schema = [("x", "a\n1\n2\n")], {"from": "char(1)", "text": "varchar(99)"}
    kept = run_through(CSVReader(key="text"), rows, schema)
    assert kept.dicts == [{"from": "x", "text": "a\n1\n2\n", "a": "1"}, {"from": "x", "text": "a\n1\n2\n", "a": "2"}]
    assert run_through(CSVReader(key="text", retain_input=False), rows, schema).dicts == [{"a": "1"}, {"a": "2"}]


def test_csv_markers() -> None:
    """The records of a text stand between markers, of a text of none too."""
    sink = KeepingMarkers()
    node = CSVReader()
    _ = Given(["a\n1\n", "a\n"]) > node > sink
    node.run()
    assert [seen if isinstance(seen, str) else seen.to_python() for seen in sink.seen] == [
        *("BatchStart", {"a": "1"}, "BatchEnd", "BatchStart", "BatchEnd")
    ]


@pytest.mark.parametrize(
    ("text", "reason", "before"),
    [
        ("a,b\n1,2\n3\n", "line 3: 1 cell, and the header has 2", 1),
        ('a,b\n"1\n",2\n3,4,5\n', "line 4: 3 cells, and the header has 2", 1),
        ("a,b,a\n1,2,3\n", "line 1: the header has `a` twice", 0),
        ('a\n"open\n', "line 2: unexpected end of data", 0),
        ('a\n"x"y\n', "line 2: ',' expected after '\"'", 0),
        (7, "CSV is text, got 7; key says where in the message it is", 0),
    ],
)
def test_broken_csv_is_an_error_of_its_row(tmp_path: Path, text: object, reason: str, before: int) -> None:
    """Too few or too many cells, a doubled header and open quotes are told with their line, and none of it is kept."""
    found = reject_one(CSVReader, ["x\n0\n", text, "x\n9\n"], tmp_path)
    assert found.failure == reason
    assert len(found.before) == 1 + before
    assert found.others == [{"x": "0"}, {"x": "9"}]


@pytest.mark.parametrize("delimiter", ["", ";;", '"', "\n"])
def test_a_delimiter_is_one_character(delimiter: str) -> None:
    """A delimiter that CSV cannot have is refused."""
    with pytest.raises(ValueError, match=r"^delimiter must be one character, no quote and no line end, not "):
        CSVReader(delimiter=delimiter)


def test_a_declared_schema_holds_the_records_to_it(tmp_path: Path) -> None:
    """`output_schema` makes what comes known before the run, and another header an error of its row."""
    schema = {"a": "varchar(3)"}
    sink = Kept(input_schema=schema)
    node = CSVReader(output_schema=schema, retain_input=False)
    _ = Given(["a\n12\n"]) > node > sink
    node.run()
    assert sink.dicts == [{"a": "12"}]
    found = reject_one(lambda **more: CSVReader(output_schema=schema, **more), ["a\n1\n", "a\n1234\n"], tmp_path)
    assert "column `a`: expected `varchar(3)`, got '1234'" in found.failure
    assert found.others == [{"a": "1"}]


# -- CSVToDictionaryList ---------------------------------------------------------------------


def test_csv_as_a_list(tmp_path: Path) -> None:
    """One list of objects for each text, under `output_key` or bare; of a header alone an empty one."""
    rows, schema = [("a,b\n1,x\n2,\n",), ("a\n",)], {"text": "varchar(99)"}
    kept = run_through(CSVToDictionaryList(key="text", output_key="rows", retain_input=False), rows, schema)
    assert kept.dicts == [{"rows": [{"a": "1", "b": "x"}, {"a": "2", "b": ""}]}, {"rows": []}]
    found = reject_one(CSVToDictionaryList, ["a\n1\n", "a\n1,2\n"], tmp_path)
    assert found.failure == "line 2: 2 cells, and the header has 1"
    assert found.others == [{"__value__": [{"a": "1"}]}]
