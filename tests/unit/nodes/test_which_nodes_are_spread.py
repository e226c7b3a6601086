"""Which of the built-in nodes rows may be spread over, in several processes, and what holds the others back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import nanotyped
from nanotyped import nodes as library
from nanotyped.node import NanoNode
from nanotyped.node.parts import vouches_for_rows
from nanotyped.row import Column, parse_schema
from nanotyped.row.schema import Schema
from nanotyped.streams import Stream
from nanotyped.types import INTEGER
from tests.support.flows import Given

SOURCE = "a source"
MARKERS = "it sends markers, which stay in one process"
LETS_IT_GO = "lets it go, where parts keep equal values together"
Make = Callable[[], NanoNode[Any, Any]]
IN_FILES: dict[str, type[NanoNode[Any, Any]]] = {
    name: cls
    for name in nanotyped.__all__
    if isinstance(cls := getattr(nanotyped, name), type) and issubclass(cls, NanoNode)
}


class Old(library.NanoStreamProcessor):
    """A node of the oldest interface."""

    def process_item(self, message: Any) -> Any:
        return message


VERDICTS: dict[str, list[tuple[Make, str]]] = {
    "AggregateValues": [(lambda: library.AggregateValues(tail_path="price"), "")],
    "BatchMessages": [(lambda: library.BatchMessages(batch_size=2), "it gathers rows")],
    "CSVReader": [
        (lambda: library.CSVReader(key="text"), MARKERS),
        (lambda: library.CSVReader(key="text", send_batch_markers=False), ""),
    ],
    "CSVToDictionaryList": [(lambda: library.CSVToDictionaryList(key="text"), "")],
    "Cast": [(lambda: library.Cast(columns={"n": "int"}), "")],
    "ConstantEmitter": [(lambda: library.ConstantEmitter(thing=1), SOURCE)],
    "CounterOfThings": [(library.CounterOfThings, SOURCE)],
    "DirectoryListener": [(lambda: library.DirectoryListener(output_key="o"), SOURCE)],
    "DynamicClassMediator": [
        (
            library.DynamicClassMediator,
            "DynamicClassMediator does not say that it looks at each row alone (`stateless = True`)",
        )
    ],
    "FileReader": [(library.FileReader, "it reads files of this machine")],
    "FileWriter": [(library.FileWriter, "it writes files on this machine")],
    "Filter": [
        (lambda: library.Filter(test="key_exists", key="n"), ""),
        (lambda: library.Filter(test="key_exists", key="n", throttle=1), "throttle is a pace of the whole run"),
        (lambda: library.Filter(test="key_exists", key="n", send_batch_markers=True), MARKERS),
        (
            lambda: library.Filter(test="key_exists", key="n", get_runtime_attrs=dict),
            "get_runtime_attrs is called once for the whole run",
        ),
    ],
    "GetEnvironmentVariables": [(library.GetEnvironmentVariables, "it reads the environment of this process")],
    "HttpGetRequest": [(lambda: library.HttpGetRequest(url="https://h/{n}"), "")],
    "HttpGetRequestPaginator": [
        (lambda: library.HttpGetRequestPaginator(url="https://h/{n}", pagination=library.SinglePage()), "")
    ],
    "HttpPostRequest": [
        (lambda: library.HttpPostRequest(url="https://h"), ""),
        (
            lambda: library.HttpPostRequest(url="https://h", order_by=["n", "m"]),
            f"by `order_by` the rows of equal values keep their order; `partition_by: [n, m]` {LETS_IT_GO}",
        ),
    ],
    "InsertData": [(lambda: library.InsertData(value_dict={"n": 1}), "")],
    "KafkaProducer": [
        (lambda: library.KafkaProducer(topic="t", bootstrap_servers="h:9092"), ""),
        (
            lambda: library.KafkaProducer(topic="t", bootstrap_servers="h:9092", key_columns=["n"]),
            f"the messages of one key keep their order; `partition_by: [n]` {LETS_IT_GO}",
        ),
        (lambda: library.KafkaProducer(topic="t", bootstrap_servers="h:9092", key_columns=[]), ""),
    ],
    "LocalDirectoryWatchdog": [(lambda: library.LocalDirectoryWatchdog(output_key="o"), SOURCE)],
    "LocalFileReader": [
        (lambda: library.LocalFileReader(send_batch_markers=False), "it reads files of this machine"),
    ],
    "NanoStreamProcessor": [(Old, "Old does not say that it looks at each row alone (`stateless = True`)")],
    "PrintStreamProcessor": [(library.PrintStreamProcessor, "it prints here")],
    "PrinterOfThings": [
        (library.PrinterOfThings, "it prints here"),
        (lambda: library.PrinterOfThings(disable=True), ""),
    ],
    "RandomSample": [
        (lambda: library.RandomSample(sample=0.5), ""),
        (lambda: library.RandomSample(sample=0.5, seed=7), "its sample is drawn from one sequence"),
    ],
    "ReadRows": [(lambda: library.ReadRows(path="a.csv", output_schema={"n": "int"}), SOURCE)],
    "Remapper": [(lambda: library.Remapper(mapping={"m": "n"}), "")],
    "SequenceEmitter": [(lambda: library.SequenceEmitter([1]), "")],
    "Serializer": [(lambda: library.Serializer(key="n"), "")],
    "SimpleTransforms": [(library.SimpleTransforms, "")],
    "StreamHttp": [(lambda: library.StreamHttp(url="https://h", pagination=library.SinglePage()), SOURCE)],
    "StreamMySQLTable": [(lambda: library.StreamMySQLTable(table="t", database="d"), SOURCE)],
    "StreamSink": [(lambda: nanotyped.StreamSink(Stream[int]()), "its stream is one of this process")],
    "StreamSource": [(lambda: nanotyped.StreamSource(Stream[int]()), SOURCE)],
    "StreamTable": [(lambda: library.StreamTable(table="t", url="sqlite:///a.db"), SOURCE)],
    "StreamingJoin": [(lambda: library.StreamingJoin(streams={"a": "n", "b": "n"}), "it joins rows of all its inputs")],
    "SubstituteRegex": [(lambda: library.SubstituteRegex(match_regex="a", substitute_string="b", key="n"), "")],
    "TimeWindowAccumulator": [
        (lambda: library.TimeWindowAccumulator(time_window=1, send_interval=1), "it gathers rows")
    ],
    "WatchdogDirectoryListener": [(lambda: library.WatchdogDirectoryListener(output_key="o"), SOURCE)],
    "WriteMySQLTable": [
        (lambda: library.WriteMySQLTable(table="t", database="d"), ""),
        (
            lambda: library.WriteMySQLTable(table="t", database="d", mode="upsert", key=["n"]),
            f"with `mode: upsert` the last row of a key stays; `partition_by: [n]` {LETS_IT_GO}",
        ),
        (
            lambda: library.WriteMySQLTable(table="t", database="d", mode="replace"),
            f"with `mode: replace` the last row of a key stays; `partition_by: COLUMNS` {LETS_IT_GO}",
        ),
    ],
    "WriteRows": [
        (lambda: library.WriteRows(path="a.csv"), "it writes one file"),
        (lambda: library.WriteRows(path="a.csv", segments=True), "it numbers its files one after the other"),
    ],
}


@pytest.mark.parametrize("name", VERDICTS)
def test_each_node_says_whether_rows_may_be_spread_over_it(name: str) -> None:
    """What takes rows says so, or what holds it back, in words that end a sentence; a source takes none."""
    for make, verdict in VERDICTS[name]:
        node = make()
        if verdict == SOURCE:
            assert type(node).process_item is NanoNode.process_item
            assert type(node).process_batch is NanoNode.process_batch
        else:
            assert node.spread_problem() == verdict


def test_no_node_is_left_out() -> None:
    """Every public node class is in the table, and every base of users' classes but the two that do nothing."""
    assert set(VERDICTS) == set(IN_FILES) - {"NanoNode", "PassThrough"}


def test_a_key_in_the_schema_is_one_of_messages() -> None:
    """Without key columns the key of a message is that of its row, as far as the check of the graph has seen it."""
    node = library.KafkaProducer(topic="t", bootstrap_servers="h:9092")
    node.check_input(Schema([Column("n", INTEGER, key=True)]))
    node.check_input(parse_schema({"m": "int"}))
    assert node.spread_problem() == f"the messages of one key keep their order; `partition_by: [n]` {LETS_IT_GO}"


class Louder(library.PrinterOfThings):
    """Code of a user in place of that of a built-in node."""

    def process_item(self) -> Iterator[Any]:
        yield self.__message__


class Quiet(library.FileWriter):
    """A user's own code, who vouches for it."""

    stateless = True

    def process_item(self) -> Iterator[Any]:
        yield self.__message__


def test_nobody_vouches_for_the_code_of_a_subclass_but_itself() -> None:
    """What a built-in class says holds for its own code, for and against."""
    assert not vouches_for_rows(Louder)
    assert Louder().spread_problem() == "Louder does not say that it looks at each row alone (`stateless = True`)"
    assert Quiet().spread_problem() == ""
    assert Given([1]).spread_problem() == "Given does not say that it looks at each row alone (`stateless = True`)"
