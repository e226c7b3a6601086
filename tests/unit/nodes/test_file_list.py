"""Several files read as one: which they are, in what order, how far, and in which parts by several processes."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nanotyped.config import parse_pipeline
from nanotyped.engine.checkpoint import read_state
from nanotyped.engine.run import prepare_run, start_run
from nanotyped.errors import GraphTypeError, NodeFailedError, RowError, SourceError, UnfitSourceError
from nanotyped.message import Checkpoint
from nanotyped.node import Part, PartSize, SizeHint
from nanotyped.nodes import ReadRows, WriteRows
from nanotyped.row.raw_line import RawLine
from tests.support.flows import Kept
from tests.unit.nodes.test_file_resumption import Gated

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = {"id": "int", "name": "varchar(5) null"}
NOT_THEM = "put them back, or begin anew with --reset-state"
FORMS = ["csv", "jsonl"]


def write(path: Path, ids: Sequence[int], *, ends: bool = True) -> Path:
    """Write a file of so many rows, in the format that its name tells; the last line of it may have no end."""
    is_csv = path.suffix == ".csv"
    lines = [f"{n},a" if is_csv else json.dumps({"id": n, "name": "a"}) for n in ids]
    text = "\n".join([*(["id,name"] if is_csv else []), *lines])
    path.write_text(text + "\n" if text and ends else text)
    return path


def reader(path: Any, **options: Any) -> ReadRows:
    """Return the node."""
    return ReadRows(**{"path": path, "output_schema": SCHEMA, "name": "read", "batch_rows": 2, **options})


def read(node: ReadRows, cursor: Any = None) -> list[Any]:
    """Return what a node gives from a cursor on: the numbers of the rows, and checkpoints."""
    node.resume_from = cursor
    found: list[Any] = []
    try:
        for some in node.generate_batches():
            found += [some] if isinstance(some, Checkpoint) else [row["id"].value for row in some]
    finally:
        node.cleanup()
    return found


def ids(found: list[Any]) -> list[int]:
    """Return what is no checkpoint."""
    return [one for one in found if not isinstance(one, Checkpoint)]


def cursors(found: list[Any]) -> list[Any]:
    """Return the cursors of the checkpoints, as they come back from a state."""
    return [json.loads(json.dumps(one.cursor)) for one in found if isinstance(one, Checkpoint)]


def three(tmp_path: Path, form: str = "csv") -> list[Path]:
    """Return three files of five rows each."""
    return [
        write(tmp_path / f"{name}.{form}", range(start, start + 5))
        for name, start in zip("abc", (1, 6, 11), strict=True)
    ]


# -- which files --------------------------------------------------------------------------------


def test_a_pattern_is_the_files_that_match_it_by_name(tmp_path: Path) -> None:
    """In a list each pattern stands for its files, sorted; directories are none, and `**` goes into them."""
    for name, n in (("b-2.csv", 2), ("b-10.csv", 1), ("last.csv", 0), ("in/b-3.csv", 3)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(tmp_path / name, [n])
    (tmp_path / "b-dir.csv").mkdir()
    assert ids(read(reader(tmp_path / "b-*.csv"))) == [1, 2]
    assert ids(read(reader([tmp_path / "last.csv", f"{tmp_path}/b-?.csv"]))) == [0, 2]
    assert ids(read(reader(f"{tmp_path}/**/b-*.csv"))) == [1, 2, 3]


def test_a_file_that_is_there_is_itself(tmp_path: Path) -> None:
    """A name with the letters of a pattern is that file, and no other that would match."""
    write(tmp_path / "a[1].csv", [1])
    write(tmp_path / "a1.csv", [2])
    node = reader(tmp_path / "a[1].csv")
    found = read(node)
    assert ids(found) == [1]
    assert "file" not in cursors(found)[0]
    (tmp_path / "a[1].csv").unlink()
    assert ids(read(reader(tmp_path / "a[1].csv"))) == [2]


def test_what_nothing_matches_and_what_is_meant_twice_is_refused(tmp_path: Path) -> None:
    """All of it is said when the files are looked at, before anything runs."""
    write(tmp_path / "a.csv", [1])
    with pytest.raises(UnfitSourceError) as caught:
        reader([f"{tmp_path}/x*.csv", f"{tmp_path}/a.csv", f"{tmp_path}/?.csv"]).discover_schema()
    assert str(caught.value) == (
        f"no file matches {tmp_path}/x*.csv; {tmp_path}/x*.csv and 2 more: {tmp_path}/a.csv is meant twice"
    )


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ([], "path names no file"),
        (["a.csv", "b.csv", "a.csv"], "path names a.csv twice"),
        (
            ["a.csv", "b.jsonl"],
            "the names tell several formats, `a.csv` is csv and `b.jsonl` is jsonl; give format, or read them by"
            " two nodes",
        ),
        (["a.csv", "b*"], "the name `b*` does not tell the format; give format: csv or jsonl"),
        (["a.csv", "b.gz"], "`b.gz` is the name of a compressed file, which is neither read nor written here"),
    ],
)
def test_lists_that_make_no_sense(path: list[str], problem: str) -> None:
    """They are refused when the node is made."""
    with pytest.raises(ValueError, match=f"^{re.escape(problem)}$"):
        reader(path)


def test_files_are_looked_at_before_the_run_and_all_that_is_wrong_is_said(tmp_path: Path) -> None:
    """Each error names its own file; a copy on a worker looks at the first alone."""
    paths = [write(tmp_path / "a.csv", [1]), tmp_path / "b.csv", tmp_path / "c.csv"]
    paths[2].write_text("id,nmae\n")
    node = reader(paths)
    with pytest.raises(SourceError) as caught:
        node.discover_schema()
    assert str(caught.value) == (
        f"cannot read {paths[1]}: No such file or directory; "
        f"{paths[2]}, line 1: column `nmae` is not in the schema (did you mean `name`?); column `name` is missing"
    )
    node.copies = 1
    node.discover_schema()


def test_the_first_file_says_which_columns_are_new(tmp_path: Path) -> None:
    """With `evolve` the others must have the same; what a contract lets go is counted over all of them."""
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_text("id,name,more\n1,a,x\n")
    second.write_text("more,id,name\ny,2,b\n")
    node = reader([first, second], schema_contract="evolve")
    node.discover_schema()
    schema = node.output_schema_for(None)
    assert schema is not None
    assert schema.names == ("id", "name", "more")
    assert ids(read(node)) == [1, 2]
    second.write_text("id,name\n2,b\n")
    with pytest.raises(SourceError) as caught:
        node.discover_schema()
    assert str(caught.value) == f"{second}, line 1: column `more` is missing"


def test_what_is_discarded_of_all_files_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One warning, with the sum; and the rows are counted once."""
    paths = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for path in paths:
        path.write_text("id,name,more\n1,a,x\n2,b,\n")
    source, kept = reader(paths, schema_contract="discard_row"), Kept()
    _ = source > kept
    report = start_run(source).wait(30)
    assert (report["read"].sent, report["read"].rejected) == (2, 2)
    assert [record.getMessage() for record in caplog.records if record.name == "nanotyped.nodes.files"] == [
        "read: discarded, for they do not fit the contract: 2 rows"
    ]


def test_no_node_may_write_a_file_that_is_read(tmp_path: Path) -> None:
    """Each of a list, and each that matches a pattern now, is a file that the node reads."""
    paths = three(tmp_path)
    for path in (paths, f"{tmp_path}/*.csv"):
        source, sink = reader(path), WriteRows(path=paths[1], name="write")
        _ = source > sink
        with pytest.raises(GraphTypeError) as caught:
            start_run(source)
        assert [str(problem) for problem in caught.value.problems] == [
            f"node `write` would take the place of {paths[1]}, which node `read` reads. Hint: give it another path"
        ]


def test_a_list_in_a_pipeline_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`path` is a text or a list of texts there too."""
    three(tmp_path)
    monkeypatch.chdir(tmp_path)
    for path in ("[c.csv, a.csv]", '"[ac].csv"'):
        text = (
            "nodes:\n"
            f"  read: {{class: ReadRows, options: {{path: {path}}}, output_schema: {{id: int, name: text null}}}}\n"
            "  print: {class: PrinterOfThings, options: {disable: true}}\n"
            "paths: [[read, print]]\n"
        )
        source = parse_pipeline(text).nodes["read"]
        report = start_run(source).wait(30)
        assert report["print"].processed == 10


# -- rows and their errors --------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_an_error_names_its_own_file_and_line(tmp_path: Path, form: str) -> None:
    """The rows of the files before it have been given."""
    paths = three(tmp_path, form)
    with paths[2].open("a") as file:
        file.write("x,y,z\n")
    node = reader(paths)
    found: list[Any] = []

    def read_on() -> None:
        found.extend(row for some in node.generate_batches() if not isinstance(some, Checkpoint) for row in some)

    with pytest.raises(RowError) as caught:
        read_on()
    node.cleanup()
    assert str(caught.value).startswith(f"{paths[2]}, line {7 if form == 'csv' else 6}: ")
    assert len(found) >= 10


@pytest.mark.parametrize("form", FORMS)
def test_a_wrong_line_is_a_dead_letter_that_names_its_file(tmp_path: Path, form: str) -> None:
    """The others go on; the line is read again for a replay, whichever file it is of."""
    paths = three(tmp_path, form)
    lines = ["x,a\n", "y,a\n"] if form == "csv" else ['{"id":"x","name":"a"}\n', '{"id":"y","name":"a"}\n']
    for path, line in zip(paths[1:], lines, strict=True):
        with path.open("a") as file:
            file.write(line)
    dead = tmp_path / "dead.jsonl"
    source, kept = reader(paths, dead_letter=dead), Kept()
    _ = source > kept
    report = start_run(source).wait(30)
    letters = [json.loads(letter) for letter in dead.read_text().splitlines()]
    assert [letter["line"]["text"] for letter in letters] == lines
    place = "line 7, column `id`" if form == "csv" else "line 6"
    assert [
        letter["reason"].startswith(f"{path}, {place}: ") for path, letter in zip(paths[1:], letters, strict=True)
    ] == [True] * 2
    assert (report["read"].sent, report["read"].dead) == (15, 2)
    mended = lines[0].replace('"x"', "7").replace("x", "7")
    header = ("id", "name") if form == "csv" else None
    again = source.read_again(RawLine.of(mended.encode(), len(mended), header))
    assert again is not None
    assert again["id"].value == 7
    with pytest.raises(RowError) as caught:
        source.read_again(RawLine.of(lines[0].encode(), len(lines[0]), header))
    assert str(caught.value).startswith(f"{paths[0]} and 2 more, a rejected line, line 1")


# -- how far ------------------------------------------------------------------------------------------


def test_the_size_is_that_of_all_files(tmp_path: Path) -> None:
    """While it reads, it tells how many bytes of them it has read; a run that goes on has what is left."""
    paths = three(tmp_path)
    sizes = [path.stat().st_size for path in paths]
    node = reader(paths)
    assert (node.size_hint(), node.size_done()) == (None, 0)
    seen = [node.size_done() or 0 for some in node.generate_batches() if isinstance(some, Checkpoint)]
    node.cleanup()
    assert node.size_hint() == SizeHint(sum(sizes), "bytes")
    assert seen == sorted(seen)
    assert node.size_done() == sum(sizes)
    cursor = cursors(read(reader(paths)))[-1]
    read(node, cursor)
    assert node.size_hint() == SizeHint(0, "bytes")


COUNTS = st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=5)


def written(directory: Path, form: str, counts: list[tuple[int, bool]]) -> list[Path]:
    """Write files of so many rows, whose last lines have an end or have none."""
    paths, start = [], 1
    for place, (count, ends) in enumerate(counts):
        paths.append(write(directory / f"{place}.{form}", range(start, start + count), ends=ends))
        start += count
    return paths


@pytest.mark.parametrize("options", [{}, {"on_error": "skip"}], ids=["plain", "guarded"])
@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(counts=COUNTS)
def test_every_checkpoint_is_a_place_to_go_on_from(
    tmp_path: Path, form: str, options: dict[str, Any], counts: list[tuple[int, bool]]
) -> None:
    """What was given before it and what is given from there on are all files, whichever it is in."""
    paths = written(tmp_path, form, counts)
    found = read(reader(paths, **options))
    assert ids(found) == list(range(1, 1 + sum(count for count, _ in counts)))
    for index, one in enumerate(found):
        if isinstance(one, Checkpoint):
            cursor = json.loads(json.dumps(one.cursor))
            assert read(reader(paths, **options), cursor) == found[index + 1 :]


def test_a_cursor_of_one_file_is_what_it_was(tmp_path: Path) -> None:
    """A state that was written when there was one path still holds, also for the first file of a list."""
    path = write(tmp_path / "a.csv", range(5))
    cursor = cursors(read(reader(path)))[0]
    assert [*cursor] == ["offset", "line", "row", "head", "tail"]
    assert ids(read(reader(path), cursor)) == [2, 3, 4]
    assert ids(read(reader([path, write(tmp_path / "b.csv", [7])]), cursor)) == [2, 3, 4, 7]


def test_a_run_that_was_stopped_goes_on_in_the_file_it_was_in(tmp_path: Path) -> None:
    """What was delivered is not read again, and a file that came behind the others is read too."""
    write(tmp_path / "a.csv", range(1, 6))
    write(tmp_path / "b.csv", range(6, 100))
    source, sink = reader(f"{tmp_path}/*.csv", batch_rows=1000), Gated(name="sink", batch_rows=10)
    _ = source > sink
    run = prepare_run(source, state_dir=tmp_path / "state")
    run.start()
    assert sink.stands.wait(10)
    run.terminate()
    sink.leave.set()
    run.wait(10)
    cursor = read_state(tmp_path / "state").cursors["`read`"]
    delivered = len(sink.rows)
    done = cursor["row"] + 5 * cursor["files_before"]
    assert (cursor["file"], done <= delivered < 99) == (f"{tmp_path}/{'ab'[cursor['files_before']]}.csv", True)
    write(tmp_path / "c.csv", range(100, 103))
    run = prepare_run(source, state_dir=tmp_path / "state")
    run.start()
    run.wait(10)
    assert [row["id"].value for row in sink.rows[delivered:]] == list(range(done + 1, 103))


@pytest.mark.parametrize("path", ["list", "pattern"])
def test_a_list_that_is_another_is_refused(tmp_path: Path, path: str) -> None:
    """Gone, with another before it, or with others read before it: each is said. One more behind is just read."""
    paths = three(tmp_path)
    cursor = cursors(read(reader(paths)))[-1]
    assert (cursor["file"], cursor["files_before"]) == (str(paths[2]), 2)
    pattern = f"{tmp_path}/*.csv"
    display = pattern if path == "pattern" else f"{paths[0]} and "

    def refusal(given: list[Path]) -> str:
        with pytest.raises(SourceError) as caught:
            read(reader(pattern if path == "pattern" else given), cursor)
        return str(caught.value)

    def expected(more: int, reason: str) -> str:
        start = display if path == "pattern" else f"{display}{more} more"
        return f"{start}: these are not the files that were read up to {paths[2]}: {reason}; {NOT_THEM}"

    new = write(tmp_path / "aa.csv", [0])
    assert refusal([paths[0], new, *paths[1:]]) == expected(3, "it was file 3, and is file 4 now")
    new.unlink()
    last = paths[2].rename(tmp_path / "z")
    assert refusal(paths[:2]) == expected(1, "it is no longer in it")
    last.rename(paths[2])
    kept = paths[1].read_bytes()
    for content in (kept + b"9,z\n", kept.replace(b"6", b"7"), kept[:-4]):
        paths[1].write_bytes(content)
        assert refusal(paths) == expected(2, "one of the 2 files before it is another, or was changed")
    paths[1].write_bytes(kept)
    paths[2].write_bytes(paths[2].read_bytes().replace(b"11", b"12"))
    assert refusal(paths).startswith(f"{paths[2]} is not the file that was read up to byte ")
    paths[2].write_bytes(paths[2].read_bytes().replace(b"12", b"11", 1))
    more = [*paths, write(tmp_path / "d.csv", [16])]
    assert ids(read(reader(pattern if path == "pattern" else more), cursor)) == [16]


def test_a_pipe_among_the_files_is_read_once(tmp_path: Path) -> None:
    """Nothing of the node can be gone on with, nor split."""
    pipe = tmp_path / "b.csv"
    os.mkfifo(pipe)
    node = reader([write(tmp_path / "a.csv", [1]), pipe])
    problem = f"{pipe} is no regular file, and cannot be read again"
    assert (node.resume_problem(), node.split_problem()) == (problem, problem)
    node.discover_schema()
    writer = threading.Thread(target=pipe.write_text, args=("id,name\n2,b\n",))
    writer.start()
    found = [row for some in node.generate_batches() for row in some]  # type: ignore[union-attr]  # no checkpoints
    writer.join()
    node.cleanup()
    assert [row["id"].value for row in found] == [1, 2]
    assert (node.size_hint(), node.size_done()) == (None, 0)


# -- parts --------------------------------------------------------------------------------------------


def all_parts(node: ReadRows, parts: Sequence[Part]) -> list[int]:
    """Return what one copy of a node gives, run for one part after the other, each as it comes over the wire."""
    options: Any = node.given_options
    copy = ReadRows(**options)
    copy.copies = 1
    copy.discover_schema()
    found: list[int] = []
    for part in parts:
        copy.part = Part(json.loads(json.dumps(part.bounds)), part.name, part.rows)
        once, twice = read(copy), read(copy)
        assert once == twice
        found += ids(once)
    return found


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(counts=COUNTS, slots=st.integers(1, 3), rows=st.one_of(st.none(), st.integers(1, 9)))
def test_all_parts_are_the_whole(
    tmp_path: Path, form: str, counts: list[tuple[int, bool]], slots: int, rows: int | None
) -> None:
    """One after the other they give what the node gives, and each of them the same when it is read again."""
    paths = written(tmp_path, form, counts)
    node = reader(paths)
    node.discover_schema()
    split = node.split(PartSize(slots, rows), ["id"])
    assert (split.by, split.together) == ("files", ())
    assert [name for part in split.parts for name in part.bounds["files"]] == [*map(str, paths)]
    assert all_parts(node, split.parts) == ids(read(node))


def test_small_files_are_one_part_and_large_ones_each_their_own(tmp_path: Path) -> None:
    """Neighbours are joined up to the rows that a part is to have, as the first file tells how long a row is."""
    paths = [write(tmp_path / f"{n}.csv", range(100, 100 + count)) for n, count in enumerate((20, 20, 20, 100, 20, 20))]
    split = reader(paths).split(PartSize(2, 50))
    assert [(part.name, part.rows) for part in split.parts] == [
        (f"{paths[0]} to {paths[1]} (2 files)", 42),
        (str(paths[2]), 21),
        (str(paths[3]), 100),
        (f"{paths[4]} to {paths[5]} (2 files)", 42),
    ]
    assert split.notice == ""
    split = reader(paths).split(PartSize(2))
    assert [part.name for part in split.parts] == [f"{paths[0]} to {paths[5]} (6 files)"]
    total = sum(path.stat().st_size for path in paths)
    assert split.notice == f"6 files of {total:,} bytes together are not worth more than one part"


def test_one_file_is_one_part(tmp_path: Path) -> None:
    """However large; and what would let it be more is said."""
    path = write(tmp_path / "a.csv", range(100))
    split = reader(path).split(PartSize(4, 10))
    assert [part.bounds for part in split.parts] == [{"files": [str(path)]}]
    assert split.notice == f"{path} is one file, and so one part; several files are read side by side"


def test_a_file_that_is_gone_when_its_part_is_read_ends_the_run(tmp_path: Path) -> None:
    """A worker that does not see the files of the coordinator loses no row in silence."""
    paths = three(tmp_path)
    node = reader(paths)
    node.part = node.split(PartSize(1, 5)).parts[1]
    kept = Kept()
    _ = node > kept
    run = prepare_run(node)
    paths[1].unlink()
    run.start()
    with pytest.raises(NodeFailedError) as caught:
        run.wait(30)
    assert f"cannot read {paths[1]}: No such file or directory" in str(caught.value)
