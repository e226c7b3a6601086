"""Every built-in node linked wrongly once: what the graph says of it before anything runs, and what checkers say."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nanotyped import (
    AggregateValues,
    BatchMessages,
    Cast,
    ConstantEmitter,
    CounterOfThings,
    CSVReader,
    CSVToDictionaryList,
    DirectoryListener,
    DynamicClassMediator,
    FileReader,
    FileWriter,
    Filter,
    GetEnvironmentVariables,
    GraphTypeError,
    HttpGetRequest,
    HttpGetRequestPaginator,
    HttpPostRequest,
    InsertData,
    KafkaProducer,
    LocalDirectoryWatchdog,
    LocalFileReader,
    NanoNode,
    NanoStreamProcessor,
    PrinterOfThings,
    PrintStreamProcessor,
    RandomSample,
    ReadRows,
    Remapper,
    SequenceEmitter,
    Serializer,
    SimpleTransforms,
    SinglePage,
    StreamHttp,
    StreamingJoin,
    StreamMySQLTable,
    StreamTable,
    SubstituteRegex,
    TimeWindowAccumulator,
    WatchdogDirectoryListener,
    WriteMySQLTable,
    WriteRows,
)
from nanotyped import nodes as library
from nanotyped.graph import build_graph
from nanotyped.nodes.composite import Part
from tests.support.flows import Given, Kept

TABLE = {"id": "int unsigned", "name": "varchar(9)", "doc": "json"}
NO_COLUMN = "node `n`: there is no column `nmae`. Hint: did you mean `name`?"
NO_PLACEHOLDER = "node `n`, url: there is no column `nmae` for the placeholder. Hint: did you mean `name`?"
NO_FIT = "Expected `int`, got `varchar(9)` - at `n → kept` $.name. Hint: put a Cast to `int` between them"
BARE = "node `n` gives a bare value for rows of named columns. Hint: give output_key, or retain_input: false"
SINK = "node `n` gives nothing, and nothing can be linked behind it. Hint: link both to the node before it"

NodeMaker = Callable[[], NanoNode[Any, Any]]


def source(cls: type[NanoNode[Any, Any]]) -> str:
    """Return what is said of a link to a source."""
    reason = f"node `n` has inputs, and {cls.__name__} has no process_item to take rows with"
    return f"{reason}. Hint: a source cannot be linked to"


class Old(NanoStreamProcessor):
    def process_item(self, message: Any) -> Any:
        return message


class Both(DynamicClassMediator[Any, Any]):
    parts = (Part("keep", Filter, {"test": "value_is_true", "key": "nmae"}),)


# Each behind a source of TABLE, and what the graph says of it.
MISLINKED: dict[str, tuple[NodeMaker, list[str]]] = {
    "AggregateValues": (lambda: AggregateValues(name="n", tail_path="id", key="nmae", output_key="o"), [NO_COLUMN]),
    "BatchMessages": (lambda: BatchMessages(name="n", batch_size=2, key="nmae", output_key="o"), [NO_COLUMN]),
    "CSVReader": (lambda: CSVReader(name="n", key="nmae"), [NO_COLUMN]),
    "CSVToDictionaryList": (lambda: CSVToDictionaryList(name="n", key="nmae", output_key="o"), [NO_COLUMN]),
    "Cast": (
        lambda: Cast(name="n", columns={"nmae": "int"}),
        ["node `n`: there is no column `nmae` to cast. Hint: did you mean `name`?"],
    ),
    "ConstantEmitter": (lambda: ConstantEmitter(name="n", thing={"a": 1}), [source(ConstantEmitter)]),
    "CounterOfThings": (lambda: CounterOfThings(name="n", output_key="o"), [source(CounterOfThings)]),
    "DirectoryListener": (lambda: DirectoryListener(name="n", output_key="o"), [source(DirectoryListener)]),
    "DynamicClassMediator": (
        lambda: Both(name="n"),
        ["node `n.keep`: there is no column `nmae`. Hint: did you mean `name`?"],
    ),
    "FileReader": (lambda: FileReader(name="n", key="nmae", output_key="o"), [NO_COLUMN]),
    "FileWriter": (lambda: FileWriter(name="n", key="nmae"), [NO_COLUMN]),
    "Filter": (lambda: Filter(name="n", test="value_is_true", key="nmae"), [NO_COLUMN]),
    "GetEnvironmentVariables": (
        lambda: GetEnvironmentVariables(name="n", environment_variables=["name"]),
        [NO_FIT.replace("varchar(9)", "string")],
    ),
    "HttpGetRequest": (lambda: HttpGetRequest(name="n", url="https://h/{nmae}"), [NO_PLACEHOLDER]),
    "HttpGetRequestPaginator": (
        lambda: HttpGetRequestPaginator(
            name="n",
            endpoint_template="https://h/{nmae}?o={o}",
            additional_data_key="more",
            pagination_key="last",
            pagination_get_request_key="o",
        ),
        [NO_PLACEHOLDER],
    ),
    "HttpPostRequest": (
        lambda: HttpPostRequest(name="n", url="https://h/{nmae}"),
        [NO_PLACEHOLDER, f"{SINK}, or give response_schema"],
    ),
    "InsertData": (
        lambda: InsertData(name="n", value_dict={"id": object}),
        ["node `n`, value_dict: no column holds a type: <class 'object'>"],
    ),
    "KafkaProducer": (
        lambda: KafkaProducer(name="n", topic="t", bootstrap_servers="h:9092", key_columns=["nmae"]),
        ["node `n`: there is no column `nmae` for the key of messages. Hint: did you mean `name`?"],
    ),
    "LocalDirectoryWatchdog": (
        lambda: LocalDirectoryWatchdog(name="n", output_key="o"),
        [source(LocalDirectoryWatchdog)],
    ),
    "LocalFileReader": (lambda: LocalFileReader(name="n", key="nmae", output_key="o"), [NO_COLUMN]),
    "NanoStreamProcessor": (lambda: Old(name="n", key="nmae", output_key="o"), [NO_COLUMN]),
    "PrintStreamProcessor": (lambda: PrintStreamProcessor(name="n", key="nmae"), [NO_COLUMN]),
    "PrinterOfThings": (lambda: PrinterOfThings(name="n"), [NO_FIT]),
    "RandomSample": (lambda: RandomSample(name="n"), [NO_FIT]),
    "ReadRows": (lambda: ReadRows(name="n", path="a.csv", output_schema={"id": "int"}), [source(ReadRows)]),
    "Remapper": (lambda: Remapper(name="n", mapping={"new": "nmae"}), [NO_COLUMN]),
    "SequenceEmitter": (lambda: SequenceEmitter(name="n", sequence=[1]), [BARE]),
    "Serializer": (lambda: Serializer(name="n", key="nmae"), [NO_COLUMN]),
    "SimpleTransforms": (lambda: SimpleTransforms(name="n", transform_mapping=[]), [NO_FIT]),
    "StreamHttp": (lambda: StreamHttp(name="n", url="https://h/", pagination=SinglePage()), [source(StreamHttp)]),
    "StreamMySQLTable": (
        lambda: StreamMySQLTable(name="n", table="t", database="shop"),
        [source(StreamMySQLTable)],
    ),
    "StreamTable": (lambda: StreamTable(name="n", url="sqlite:///a.db", table="t"), [source(StreamTable)]),
    "StreamingJoin": (
        lambda: StreamingJoin(name="n", streams={"given": "id", "other": "id"}, window=9),
        ["node `n`: streams names `other`, which is no input of it"],
    ),
    "SubstituteRegex": (
        lambda: SubstituteRegex(name="n", match_regex="a", substitute_string="b", key="nmae"),
        [NO_COLUMN],
    ),
    "TimeWindowAccumulator": (
        lambda: TimeWindowAccumulator(name="n", time_window=1, send_interval=1, key="nmae", output_key="o"),
        [NO_COLUMN],
    ),
    "WatchdogDirectoryListener": (
        lambda: WatchdogDirectoryListener(name="n", output_key="o"),
        [source(WatchdogDirectoryListener)],
    ),
    "WriteMySQLTable": (lambda: WriteMySQLTable(name="n", table="t", database="shop"), [SINK]),
    "WriteRows": (lambda: WriteRows(name="n", path="a.csv"), [NO_FIT]),
}
# Those that are linked wrongly to the node behind, which needs another type.
BEHIND = {name for name, (_, problems) in MISLINKED.items() if problems[0].startswith("Expected")}
PUBLIC = {
    name for name in library.__all__ if isinstance(cls := getattr(library, name), type) and issubclass(cls, NanoNode)
}


@pytest.mark.parametrize("name", MISLINKED)
def test_graph_refuses_each(name: str) -> None:
    """The whole of what stands in the error, for a node with a wrong link before it or behind it."""
    make, problems = MISLINKED[name]
    node = make()
    end = Kept(name="kept", input_schema={"name": "int"} if name in BEHIND else None)
    _ = Given([], TABLE, name="given") > node > end
    with pytest.raises(GraphTypeError) as caught:
        build_graph(node)
    count = f"{len(problems)} problem{'' if len(problems) == 1 else 's'}"
    numbered = [f"\n  {number}. {problem}" for number, problem in enumerate(problems, 1)]
    assert str(caught.value) == f"this pipeline cannot run: {count}{''.join(numbered)}"


def test_no_node_is_left_out() -> None:
    """Each public node is here, and in the cases that checkers are held to."""
    cases = Path(__file__).parents[2] / "typing" / "cases" / "built_in_nodes.py"
    wrong = [line for line in cases.read_text(encoding="utf-8").splitlines() if "# E: " in line]
    assert {name for line in wrong for name in re.findall(r"\b(\w+)[\[(]", line)} | {"DynamicClassMediator"} >= PUBLIC
    assert MISLINKED.keys() == PUBLIC
