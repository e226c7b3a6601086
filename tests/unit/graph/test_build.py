"""The builder: schemas along every path, and every problem of a pipeline at once, before anything happens."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest

from nanotyped import (
    INTEGER,
    STRING,
    Filter,
    GraphProblem,
    GraphTypeError,
    NanoNode,
    PassThrough,
    Remapper,
    Row,
    StreamTable,
    mysql_type,
)
from nanotyped.errors import NodeOptionError
from nanotyped.graph import build_graph, survey_graph
from nanotyped.nodes.files import ReadRows, WriteRows

Schemas = dict[str, Any]


class Source(NanoNode[object, Any]):
    """Gives rows of a schema, which nobody ever asks for here."""

    asked = False

    def __init__(self, schema: Schemas | None = None, **kwargs: Any) -> None:
        super().__init__(output_schema=schema, **kwargs)

    def generator(self) -> Iterator[Any]:
        self.asked = True
        yield from ()


class Work(NanoNode[object, Any]):
    """Needs and gives what it is told."""

    def __init__(self, needs: Schemas | None = None, gives: Schemas | None = None, **kwargs: Any) -> None:
        super().__init__(input_schema=needs, output_schema=gives, **kwargs)

    def process_item(self, row: Any) -> None: ...


def problems(*nodes: NanoNode[Any, Any], strict: bool = False) -> list[str]:
    """Return what is wrong with the pipeline of a node, as text."""
    return [str(problem) for problem in survey_graph(*nodes, strict=strict).problems]


def flows(node: NanoNode[Any, Any]) -> list[list[str]]:
    """Return, for each edge, the schemas on it as text; ``unchecked`` where one is not known."""
    return [
        ["unchecked" if flow is None else flow.spelling() for flow in edge.flows] for edge in build_graph(node).edges
    ]


# -- all problems at once, and nothing done ---------------------------------------------------------


class Watched:
    """What happens to the process meanwhile: sockets and files that are opened, threads that are started."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events: list[str] = []
        self.armed = True
        sys.addaudithook(self._audit)  # it stays until the process ends
        start = threading.Thread.start

        def watched_start(thread: threading.Thread) -> None:
            self.events.append("thread")
            start(thread)

        monkeypatch.setattr(threading.Thread, "start", watched_start)

    def _audit(self, event: str, args: tuple[object, ...]) -> None:
        if self.armed and (event.startswith(("socket.", "subprocess.")) or event == "open"):
            self.events.append(event)


def test_three_broken_edges_are_one_error_and_nothing_was_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every broken edge is an item of one GraphTypeError with its whole message; no thread, socket or generator was."""
    source = Source({"id": "bigint", "name": "varchar(64) null", "amount": "decimal(12,2)"}, name="read")
    bill = Work({"id": "int", "nmae": "varchar(64)"}, name="bill")
    post = Work({"name": "varchar(64)"}, name="post")
    store = Work({"amount": "decimal(10,2)", "id": "varchar(20)"}, name="store")
    _ = source > (bill, post, store)
    watched = Watched(monkeypatch)
    threads = threading.enumerate()
    with pytest.raises(GraphTypeError) as caught:
        source.run()
    watched.armed = False
    assert not source.asked
    assert watched.events == []
    assert threading.enumerate() == threads
    assert [str(problem) for problem in caught.value.exceptions] == [
        "Expected `int`, got `bigint` (it may be below -2147483648) - at `read → bill` $.id. Hint: declare it "
        "`bigint`, or put a Cast to `int` between them that says what may be lost",
        "Expected `varchar(64)`, got nothing - at `read → bill` $.nmae. Hint: did you mean `name`?",
        "Expected `varchar(64)`, got `varchar(64) null` (it may be null) - at `read → post` $.name. Hint: drop the "
        "nulls first: Filter(test='value_is_not_none', key='name')",
        "Expected `decimal(10,2)`, got `decimal(12,2)` (it has 10 digits before the point, 8 fit) - at `read → store` "
        "$.amount. Hint: declare it `decimal(12,2)`, or put a Cast to `decimal(10,2)` between them that says what "
        "may be lost",
        "Expected `varchar(20)`, got `bigint` - at `read → store` $.id. Hint: put a Cast to `varchar(20)` between them",
    ]
    assert {node.status for node in source.all_connected()} == {"stopped"}
    assert str(caught.value).splitlines()[0] == "this pipeline cannot run: 5 problems"


def test_the_watch_sees_what_it_is_to_see(monkeypatch: pytest.MonkeyPatch) -> None:
    """What proves that nothing was opened and started does see a socket, a file and a thread."""
    watched = Watched(monkeypatch)
    socket.socket().close()
    Path(__file__).open().close()
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
    watched.armed = False
    assert {"socket.__new__", "open", "thread"} <= set(watched.events)


# -- schemas along the path ------------------------------------------------------------------------------


def test_a_filter_narrows_nulls_three_nodes_later() -> None:
    """A column is exact through filters and nodes that pass rows on: a null that is filtered out is gone."""

    class Pass(PassThrough[object]):
        def process_item(self, row: Any) -> Iterator[Any]:
            yield row

    source = Source({"id": "int", "note": "varchar(9) null"})
    chain = [Filter(test="value_is_not_none", key="note"), Pass(), Pass(), Work({"note": "varchar(9)"})]
    last: NanoNode[Any, Any] = source
    for node in chain:
        last.add_edge(node)
        last = node
    assert flows(source) == [
        ["id int, note varchar(9) null"],
        ["id int, note varchar(9)"],
        ["id int, note varchar(9)"],
        ["id int, note varchar(9)"],
    ]


def test_retained_columns_merge_and_the_result_wins() -> None:
    """With retain_input a node gives input and output, in that order, and the output wins; without, its own alone."""
    source = Source({"a": "int", "b": "varchar(4)"})
    keeps, alone = Work(gives={"c": "date", "a": "bigint"}), Work(gives={"c": "date"}, retain_input=False)
    _ = source > keeps > Work()
    _ = source > alone > Work()
    assert flows(source) == [
        ["a int, b varchar(4)"],
        ["a int, b varchar(4)"],
        ["a bigint, b varchar(4), c date"],
        ["c date"],
    ]


def test_a_column_dropped_upstream_is_missed_downstream() -> None:
    """A column that is needed downstream and was dropped upstream is refused; a renamed one has its new name."""
    source = Source({"id": "int", "sku": "varchar(4)"}, name="read")
    rename = Remapper(name="rename", mapping={"number": "id"}, retain_input=False)
    _ = source > rename > Work({"sku": "varchar(4)", "number": "int"}, name="post")
    assert problems(source) == [
        "Expected `varchar(4)`, got nothing - at `rename → post` $.sku. Hint: the columns are `number`"
    ]


def test_the_check_reaches_through_a_node_with_an_output_only() -> None:
    """A middle node that declares only what it gives passes the rest on, and the check reaches through it."""
    source = Source({"id": "int"}, name="read")
    _ = source > Work(gives={"x": "date"}, name="mid") > Work({"id": "smallint"}, name="end")
    assert [problem.split(" (")[0] for problem in problems(source)] == ["Expected `smallint`, got `int`"]


def test_a_diamond_has_two_flows() -> None:
    """Where branches that give different columns meet, each kind of row is checked on its own."""
    source = Source({"id": "int"}, name="read")
    left, right = Work(gives={"x": "int"}, name="left"), Work(gives={"x": "date"}, name="right")
    end = Work({"x": "int"}, name="end")
    _ = source > (left, right)
    _ = (left, right) > end
    assert problems(source) == ["Expected `int`, got `date` - at `right → end` $.x"]
    other = Work()
    _ = (left, right) > other
    _ = other.add_edge(Work())
    merged = next(edge for edge in survey_graph(source).graph.edges if edge.target is other)
    assert [flow.spelling() for flow in merged.flows if flow is not None] == ["id int, x int"]


def test_equal_flows_are_one() -> None:
    """Rows of equal schema that come by two paths are one flow, and one problem."""
    source = Source({"id": "int"}, name="read")
    ways = Filter(test="key_exists", key="id", name="a"), Filter(test="key_exists", key="id", name="b")
    join = Filter(test="key_exists", key="id", name="join")
    _ = source > ways
    _ = ways > join
    _ = join > Work({"id": "tinyint"}, name="end")
    assert len(problems(source)) == 1
    assert survey_graph(source).graph.edges[-1].flows[0] is not None
    assert len(survey_graph(source).graph.edges[-1].flows) == 1


def test_a_node_is_asked_once_about_equal_flows() -> None:
    """However many ways bring rows of one schema, the node works out once what it makes of them."""
    asked: list[str] = []

    class Asked(Work):
        def output_schema_for(self, given: Any) -> Any:
            asked.append(given.spelling())
            return given

    source, end = Source({"id": "int"}), Asked()
    _ = source > (Work(gives={"x": "int"}), Work(gives={"x": "int"}), Work(gives={"y": "int"})) > end
    assert problems(source) == []
    assert asked == ["id int, x int", "id int, y int"]


def diamonds(count: int, columns: tuple[str, str] = ("left", "right")) -> tuple[Source, Work]:
    """Return the first and the last node of diamonds in a row, whose branches each give a column of a name."""
    source = Source({"id": "int"}, name="read")
    last: NanoNode[Any, Any] = source
    for number in range(count):
        branches = tuple(Work(gives={f"{name}{number}": "int"}) for name in columns)
        end = Work(gives={"n": "int"}, name=f"end{number}")
        for branch in branches:
            last.add_edge(branch)
            branch.add_edge(end)
        last = end
    sink = Work(name="sink")
    last.add_edge(sink)
    return source, sink


def test_branches_that_give_the_same_columns_are_no_more_work() -> None:
    """A hundred diamonds whose branches give equal columns have one kind of row on each edge."""
    source, sink = diamonds(100, ("x", "x"))
    survey = survey_graph(source)
    assert survey.problems == ()
    assert [len(edge.flows) for edge in survey.graph.edges] == [1] * len(survey.graph.edges)
    assert len(survey.passages[sink]) == 1


def test_too_many_kinds_of_row_are_refused_and_not_followed() -> None:
    """Where branches that differ meet again and again, the kinds of row double: beyond a bound that is an error."""
    assert problems(diamonds(6)[0]) == []
    assert problems(diamonds(40)[0]) == [
        "rows of 256 different schemas reach `end7`, and 128 are the most that are followed. "
        "Hint: let branches that meet give the same columns"
    ]


def test_extra_columns_pass() -> None:
    """A node sees what it asks for; more columns are no problem."""
    source = Source({"id": "int", "more": "json"})
    _ = source > Work({"id": "bigint"})
    assert problems(source) == []


class Invoice(Row):
    number: Annotated[int, mysql_type("int unsigned")]


def test_declared_classes_mappings_and_arguments_say_the_same() -> None:
    """A need may be a Row class, a Schema, a mapping, or the argument of NanoNode; the option wins over the class."""

    class ByArgument(NanoNode[Invoice, Invoice]):
        def process_item(self, row: Invoice) -> None: ...

    class ByAttribute(NanoNode[object, Any]):
        input_schema = Invoice

        def process_item(self, row: Any) -> None: ...

    class ByMapping(NanoNode[object, Any]):
        input_schema = {"number": INTEGER, "note": STRING.nullable()}

        def process_item(self, row: Any) -> None: ...

    source = Source({"number": "varchar(4)"}, name="s")
    nodes = (
        ByArgument(name="a"),
        ByAttribute(name="b"),
        ByMapping(name="c"),
        Work({"number": Invoice.schema["number"].type}, name="d"),
    )
    overruled = ByArgument(name="e", input_schema={"number": "varchar(9)"})
    _ = source > (*nodes, overruled)
    assert [problem.split(". Hint")[0] for problem in problems(source)] == [
        "Expected `int unsigned`, got `varchar(4)` - at `s → a` $.number",
        "Expected `int unsigned`, got `varchar(4)` - at `s → b` $.number",
        "Expected `integer`, got `varchar(4)` - at `s → c` $.number",
        "Expected `string null`, got nothing - at `s → c` $.note",
        "Expected `int unsigned`, got `varchar(4)` - at `s → d` $.number",
    ]


# -- unchecked edges ----------------------------------------------------------------------------------------


def test_unchecked_edges_are_counted_and_strict_refuses_them() -> None:
    """Nodes without a schema make unchecked edges: allowed and listed; strict refuses each."""
    source = Source({"id": "int"}, name="read")
    _ = source > Work(name="mid") > Work({"x": "int"}, name="end")
    graph = build_graph(source)
    assert [edge.label for edge in graph.unchecked_edges] == ["mid → end"]
    assert problems(source, strict=True) == [
        "the edge `mid → end` is unchecked: what `mid` gives is not known. Hint: declare its output_schema"
    ]
    with pytest.raises(GraphTypeError):
        build_graph(source, strict=True)


def test_strict_names_the_node_because_of_which_an_edge_is_unchecked() -> None:
    """Behind a table that was not looked at, nodes that follow their input hang on it; others on themselves."""
    table = StreamTable(name="read", url="sqlite:///no.db", table="t")
    keep = Filter(name="keep", test="key_exists", key="id")
    rename = Remapper(name="rename", mapping={"n": "id"}, retain_input=False)
    _ = table > keep > rename > Work(name="odd") > Work(name="end")
    remedy = "look at its live table with --connect, or declare its output_schema"
    assert problems(table, strict=True) == [
        f"the edge `read → keep` is unchecked: what `read` gives is not known. Hint: {remedy}",
        f"the edge `keep → rename` is unchecked: what `keep` gives is not known. Hint: of `read`, {remedy}",
        f"the edge `rename → odd` is unchecked: what `rename` gives is not known. Hint: of `read`, {remedy}",
        "the edge `odd → end` is unchecked: what `odd` gives is not known. Hint: declare its output_schema",
    ]


# -- structure ----------------------------------------------------------------------------------------------


def test_order_and_edges() -> None:
    """Nodes stand in topological order, sources first; edges in order of linking, with their bounds."""
    end = Work(name="end")
    middle = Work(name="middle")
    a, b = Source(name="a"), Source(name="b")
    a.add_edge(middle, max_queue_size=7)
    _ = middle > end
    _ = b > end
    graph = build_graph(end)
    names = [node.name for node in graph.nodes]
    assert sorted(names) == ["a", "b", "end", "middle"]
    assert all(names.index(edge.source.name) < names.index(edge.target.name) for edge in graph.edges)
    assert {edge.label: edge.queue_rows for edge in graph.edges} == {
        "a → middle": 7,
        "middle → end": 4000,
        "b → end": 4000,
    }
    assert [edge.label for edge in graph.edges_from(b)] == ["b → end"]


def test_a_cycle_is_named_along_the_links() -> None:
    """A cycle is refused and named from node to node; another cycle too, and broken columns before them."""
    source = Source({"id": "int"}, name="s")
    first = Work({"id": "tinyint"}, name="first")
    a, b, c, d = (Work(name=name) for name in "abcd")
    _ = source > first > a > b > c > a
    _ = first > d
    _ = d > Work(name="e") > d
    assert problems(source) == [
        "cycle: `a` → `b` → `c` → `a`",
        "cycle: `d` → `e` → `d`",
        "Expected `tinyint`, got `int` (it may be below -128) - at `s → first` $.id. Hint: declare it `int`, or put a "
        "Cast to `tinyint` between them that says what may be lost",
    ]


def test_names_given_twice() -> None:
    """Two nodes of one name are refused, once for each name."""
    source = Source(name="x")
    _ = source > (Work(name="x"), Work(name="y"), Work(name="y"), Work(name="z"))
    assert problems(source) == [
        "2 nodes bear the name `x`. Hint: give each a name of its own",
        "2 nodes bear the name `y`. Hint: give each a name of its own",
    ]


class Misspelt(NanoNode[Any, Any]):
    """Has a method that nobody calls."""

    def proces_item(self) -> None:
        """Do nothing."""


class Idle(NanoNode[Any, Any]):
    """Has no method at all."""


def test_a_misspelt_method_is_named() -> None:
    """A class of one's own that takes no rows is told which method may be meant, or which is missing."""
    source = Source(name="source")
    _ = source > Misspelt(name="near")
    _ = source > Idle(name="idle")
    assert problems(source) == [
        "node `near` has inputs, and Misspelt has no process_item to take rows with. "
        "Hint: Misspelt has `proces_item`; did you mean `process_item`?",
        "node `idle` has inputs, and Idle has no process_item to take rows with. Hint: define process_item() in Idle",
    ]


def test_ends_that_are_missing() -> None:
    """A node without input needs a generator, one with inputs a process_item; NanoNode itself has neither."""
    lonely, double = Work(name="lonely"), Source(name="double")
    _ = (Source(name="ok"), lonely) > double
    _ = double > NanoNode(name="bare")
    assert problems(double) == [
        "node `double` has inputs, and Source has no process_item to take rows with. "
        "Hint: a source cannot be linked to",
        "node `lonely` has no input, and Work has no generator to be a source with. "
        "Hint: define generator() in Work, or link a source to `lonely`",
        "node `bare` has inputs, and NanoNode has no process_item to take rows with. "
        "Hint: a source cannot be linked to",
    ]
    assert problems(NanoNode(name="alone")) == [
        "node `alone` has no input, and NanoNode has no generator to be a source with. Hint: link a source to `alone`"
    ]


def test_wrong_declarations_are_problems_of_their_node() -> None:
    """What a misspelt schema or a faulty output_schema_for raises is a problem beside the others."""

    class Odd(Work):
        def output_schema_for(self, given: Any) -> Any:
            raise ValueError("no idea")

    source = Source({"id": "int"}, name="s")
    _ = source > Odd(name="odd") > Work({"x": "int", "a": "intt", "b": "varchar"}, name="w")
    assert problems(source) == [
        "node `odd`, output_schema: no idea",
        "node `w`, input_schema: unknown type `intt` (did you mean `int`?) at position 0 of `intt`",
        "node `w`, input_schema: `varchar` needs a length at position 7 of `varchar`",
    ]


def test_problems_of_options_and_contracts_are_collected() -> None:
    """check_input, for each schema that comes, and check_contract are asked, and what they say is reported."""

    class Picky(Work):
        def check_input(self, given: Any) -> list[GraphProblem]:
            return [NodeOptionError(f"no like of {given.spelling()}", node=self.label)]

        def check_contract(self) -> list[GraphProblem]:
            return [NodeOptionError("the table changed", node=self.label)]

    source = Source({"id": "int"})
    _ = source > Picky()
    assert problems(source) == ["the table changed", "no like of id int"]


def test_a_chain_of_5000_nodes() -> None:
    """A long chain is no problem: no recursion, no time that grows with its square."""
    source = Source({"id": "int"})
    last: NanoNode[Any, Any] = source
    for _ in range(4999):
        node = Work(gives={"x": "int"})
        last.add_edge(node)
        last = node
    graph = build_graph(last)
    assert (len(graph.nodes), len(graph.edges), len(source.all_connected())) == (5000, 4999, 5000)
    last.add_edge(source.output_node_list[0])
    assert len(problems(source)) == 1


def test_no_node_destroys_the_file_of_another(tmp_path: Path) -> None:
    """A file that is read is not replaced, and dead letters do not go into a file of a node; each says which."""
    paths = {name: str(tmp_path / name) for name in ("in.csv", "out.csv", "dead.jsonl")}
    schema = {"n": "int"}
    read = ReadRows(path=paths["in.csv"], output_schema=schema, dead_letter=paths["in.csv"], name="read")
    over = WriteRows(path=paths["in.csv"], name="over")
    write = WriteRows(path=paths["out.csv"], dead_letter=paths["out.csv"], name="write")
    parts = WriteRows(path=paths["dead.jsonl"], segments=True, name="parts")
    read > (over, write, parts)
    assert problems(read) == [
        f"node `read` would write its dead letters into {paths['in.csv']}, which is a file of `read`. "
        "Hint: give them a file of their own",
        f"node `over` would take the place of {paths['in.csv']}, which node `read` reads. Hint: give it another path",
        f"node `write` would write its dead letters into {paths['out.csv']}, which is a file of `write`. "
        "Hint: give them a file of their own",
    ]


def test_part_files_take_the_place_of_no_file(tmp_path: Path) -> None:
    """Their names are others than that of the file that is read."""
    path = str(tmp_path / "in.csv")
    read = ReadRows(path=path, output_schema={"n": "int"})
    read > WriteRows(path=path, segments=True)
    build_graph(read)


def test_a_node_that_passes_rows_on_declares_no_output() -> None:
    """What it declared would hold nobody to it; what it needs does."""
    source = Source({"n": "int"})
    source > Filter(test="key_exists", key="n", output_schema={"n": "varchar(3)"}, name="keep")
    assert problems(source) == [
        "node `keep` passes rows on as they come, and has no output to declare. "
        "Hint: declare input_schema, which every row is held to"
    ]
