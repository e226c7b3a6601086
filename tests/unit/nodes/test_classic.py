from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from nanotyped.engine.run import start_run
from nanotyped.errors import GraphTypeError, NodeFailedError, SourceError
from nanotyped.node import NanoNode
from nanotyped.nodes.classic import (
    DirectoryListener,
    FileReader,
    FileWriter,
    NanoStreamGraph,
    NanoStreamProcessor,
    PrintStreamProcessor,
    WatchdogDirectoryListener,
)
from nanotyped.registry import find_node_class
from tests.support.flows import Given, Kept, reject_one, run_through
from tests.unit.engine.nodes import WAIT_S, Keeping

if TYPE_CHECKING:
    from pathlib import Path


class Length(NanoStreamProcessor):
    """Says how long a text is, and nothing of an empty one."""

    def process_item(self, message: Any) -> Any:
        return len(message) or None


class TwiceLength(Length):
    """Calls the class above, and gets its result."""

    def process_item(self, message: Any) -> Any:
        length = super().process_item(message)
        return [length, length]


# -- NanoStreamProcessor -------------------------------------------------------------------


def test_one_result_is_returned() -> None:
    """What `process_item(message)` returns is one message; `None` is nothing."""
    kept = run_through(Length(), ["rye", "", "barley"])
    assert kept.dicts == [{"__value__": 3}, {"__value__": 6}]


def test_a_list_is_one_message() -> None:
    """A list that is returned is one message, and a class may build on the result of another."""
    assert run_through(TwiceLength(), ["rye"]).dicts == [{"__value__": [3, 3]}]


def test_what_comes_is_not_sent_along() -> None:
    """A mapping that is returned is the whole message, unless `retain_input` is set."""

    class Named(NanoStreamProcessor):
        def process_item(self, message: Any) -> Any:
            return {"twice": 2 * message.n}

    assert run_through(Named(), [(4,)], {"n": "int"}).dicts == [{"twice": 8}]
    assert run_through(Named(retain_input=True), [(4,)], {"n": "int"}).dicts == [{"n": 4, "twice": 8}]


def test_what_it_raises_is_an_error_of_its_row(tmp_path: Path) -> None:
    """A message that it does not take is an error of its row, as of any node."""
    found = reject_one(Length, ["a", 7, "bb"], tmp_path)
    assert found.failure == "object of type 'int' has no len()"
    assert found.others == [{"__value__": 1}, {"__value__": 2}]
    assert len(found.letters) == 1


# -- NanoStreamGraph -------------------------------------------------------------------------


def test_a_graph_of_nodes_that_are_added() -> None:
    """Nodes are linked as by `>`, and start together without waiting; several pipelines are one graph."""
    graph = NanoStreamGraph()
    ends: list[Keeping] = []
    for text in ("rye", "barley"):
        source, length, sink = Given([text]), Length(), Keeping()
        for node in (source, length, sink, source):
            graph.add_node(node)
        graph.add_edge(source, length)
        graph.add_edge(length, sink)
        ends.append(sink)
    graph.start()
    for sink in ends:
        sink.wait_for_pipeline_finish(WAIT_S)
    assert [sink.messages for sink in ends] == [[3], [6]]


def test_an_edge_adds_its_nodes() -> None:
    """Nodes of an edge need not be added before."""
    graph, source, sink = NanoStreamGraph(), Given(["a"]), Keeping()
    graph.add_edge(source, sink)
    graph.start()
    sink.wait_for_pipeline_finish(WAIT_S)
    assert sink.messages == ["a"]


def test_a_graph_takes_nodes_alone() -> None:
    """What is no node is refused when it is added."""
    graph: Any = NanoStreamGraph()
    with pytest.raises(TypeError, match=r"^only nodes can be added, not str \('a'\)$"):
        graph.add_node("a")
    with pytest.raises(TypeError, match=r"^only nodes can be added, not int \(7\)$"):
        graph.add_edge(Length(), 7)


def test_a_graph_that_cannot_run_does_not_run_by_half() -> None:
    """Where one of several pipelines is refused, those that were started before end."""

    class Endless(NanoNode[object, Any]):
        def generator(self) -> Any:
            while not self.stop_requested:
                yield None

    graph, endless, sink = NanoStreamGraph(), Endless(), Keeping()
    graph.add_edge(endless, sink)
    graph.add_edge(Length(), Keeping())  # a source that is none
    with pytest.raises(GraphTypeError):
        graph.start()
    endless.wait_for_pipeline_finish(WAIT_S)
    assert endless.status == "stopped"


# -- printing, reading, listening ------------------------------------------------------------


def test_printing_bare(capsys: pytest.CaptureFixture[str]) -> None:
    """Messages are printed with nothing before them, and passed on."""
    assert run_through(PrintStreamProcessor(), ["rye"]).dicts == [{"__value__": "rye"}]
    assert capsys.readouterr().out == "rye\n"


def test_reading_files(tmp_path: Path) -> None:
    """A path becomes the text of its file, as it is."""
    (tmp_path / "a").write_bytes("é\r\n".encode())
    assert run_through(FileReader(), [str(tmp_path / "a")]).dicts == [{"__value__": "é\r\n"}]
    found = reject_one(FileReader, [str(tmp_path / "a"), str(tmp_path / "no")], tmp_path)
    assert found.failure == f"cannot read {tmp_path}/no: No such file or directory"
    assert found.others == [{"__value__": "é\r\n"}]


def test_listening_to_a_directory(tmp_path: Path) -> None:
    """The old name of the watch, and the older one, are one class, known to files under both."""
    assert find_node_class("DirectoryListener") is DirectoryListener is WatchdogDirectoryListener
    assert find_node_class("WatchdogDirectoryListener") is WatchdogDirectoryListener
    source, read, sink = DirectoryListener(watchdog_path=tmp_path), FileReader(), Keeping()
    assert (source.directory, source.check_interval) == (str(tmp_path), 0.5)
    _ = source > read > sink
    run = start_run(source)
    (tmp_path / "new").write_text("x")
    assert sink.seen.wait(WAIT_S)
    run.drain()
    run.wait(WAIT_S)
    assert sink.messages == ["x"]


# -- FileWriter ------------------------------------------------------------------------------


def contents(directory: Path) -> list[bytes]:
    """Return what the files of a directory hold."""
    return sorted(file.read_bytes() for file in directory.iterdir())


def test_each_message_is_a_new_file(tmp_path: Path) -> None:
    """Texts and bytes are written as they are, each to a file of its own, and passed on."""
    (tmp_path / "out").mkdir()
    kept = run_through(FileWriter(path=tmp_path / "out"), ["é\r\n", b"\x00\xff", "é\r\n", ""])
    assert contents(tmp_path / "out") == [b"", b"\x00\xff", "é\r\n".encode(), "é\r\n".encode()]
    assert [row["__value__"] for row in kept.dicts] == ["é\r\n", b"\x00\xff", "é\r\n", ""]


def test_a_column_is_written(tmp_path: Path) -> None:
    """With `key` a column is written, and the whole row is passed on."""
    kept = run_through(FileWriter(path=tmp_path, key="text"), [(1, "x")], {"n": "int", "text": "varchar(9)"})
    assert contents(tmp_path) == [b"x"]
    assert kept.dicts == [{"n": 1, "text": "x"}]


def test_what_cannot_be_written_is_an_error_of_its_row(tmp_path: Path) -> None:
    """A number is no text; what came before and after it is written."""
    (tmp_path / "out").mkdir()
    found = reject_one(lambda **more: FileWriter(path=tmp_path / "out", **more), ["a", 7, "b"], tmp_path)
    assert found.failure == "text or bytes are wanted, got 7; key says where in the message they are"
    assert found.others == [{"__value__": "a"}, {"__value__": "b"}]
    assert contents(tmp_path / "out") == [b"a", b"a", b"a", b"b", b"b"]


def test_a_file_that_cannot_be_finished_is_not_there(tmp_path: Path) -> None:
    """Of a message for which there is no room nothing is left, and the run ends."""
    code = """
import resource
from nanotyped import FileWriter, NodeFailedError, SequenceEmitter
resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
source = SequenceEmitter(["x" * 100_000])
source > FileWriter(on_error="skip")
try:
    source.run()
except NodeFailedError as error:
    print(str(error.__cause__).partition(": ")[2])
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=True)
    assert (done.stdout, contents(tmp_path)) == ("File too large\n", [])


def test_a_directory_that_is_not_there_ends_the_run(tmp_path: Path) -> None:
    """Nothing can be written where there is no directory: that is no fault of a row."""
    node = FileWriter(path=tmp_path / "no", on_error="skip")
    _ = Given(["a"]) > node > Kept()
    with pytest.raises(NodeFailedError) as caught:
        start_run(node).wait(WAIT_S)
    assert isinstance(caught.value.__cause__, SourceError)
    assert str(caught.value.__cause__).endswith(": No such file or directory")
