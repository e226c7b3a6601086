from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from nanotyped import (
    ConfigError,
    DynamicClassMediator,
    GraphTypeError,
    NanoNode,
    class_factory,
    get_node_dict,
    load_composite,
)
from nanotyped.config import Pipeline, check_pipeline, parse_pipeline
from nanotyped.engine.fingerprint import fingerprint_of
from nanotyped.errors import RowError
from nanotyped.graph import build_graph, render_dot, render_mermaid, survey_graph
from nanotyped.node import options_of
from nanotyped.registry import RegistrationError, find_node_class, register_node

if TYPE_CHECKING:
    from pathlib import Path

TIDY: dict[str, Any] = {
    "name": "TidyLines",
    "nodes": [
        {
            "name": "cut",
            "class": "LineCutter",
            "frozen_arguments": {"limit": 20},
            "arg_mapping": {"mark": "separator"},
        },
        {"name": "count", "class": "PieceCounter", "arg_mapping": None},
    ],
    "edges": [{"from": "cut", "to": "count"}],
}
YAML = """\
name: TidyLines
nodes:
  - name: cut
    class: LineCutter
    frozen_arguments: {limit: 20}
    arg_mapping: {mark: separator}
  - name: count
    class: PieceCounter
    arg_mapping: null
edges:
  - {from: cut, to: count}
"""


class Lines(NanoNode[Any, Any]):
    output_schema = {"line": "varchar(100)"}

    def __init__(self, lines: list[str] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.lines = lines or ["a;b", "c"]

    def generator(self) -> Iterator[Any]:
        yield from ({"line": line} for line in self.lines)


class LineCutter(NanoNode[Any, Any]):
    input_schema = {"line": "varchar(100)"}
    output_schema = {"pieces": "json"}

    def __init__(self, mark: str = ",", limit: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mark, self.limit = mark, limit

    def process_item(self) -> Iterator[Any]:
        if self.__message__.line == "bad":
            raise RowError("a bad line", row=1)
        yield {"pieces": self.__message__.line.split(self.mark)[: self.limit or None]}


class PieceCounter(NanoNode[Any, Any]):
    input_schema = {"pieces": "json"}
    output_schema = {"count": "int"}

    def process_item(self) -> Iterator[Any]:
        yield {"count": len(self.__message__.pieces)}


class Keep(NanoNode[Any, Any]):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rows: list[Any] = []

    def process_item(self) -> None:
        self.rows.append(self.__message__.to_python())


class Needy(NanoNode[Any, Any]):
    def __init__(self, table: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.table = table

    def process_item(self) -> Iterator[Any]:
        yield {"table": self.table}


@pytest.fixture(autouse=True)
def line_nodes(sample_registry: None) -> None:
    """Register the nodes of this file for the time of a test."""
    for cls in (Lines, LineCutter, PieceCounter, Keep, Needy):
        register_node(cls)


def problems(config: Any) -> list[str]:
    """Return the problems of a composite as they are printed."""
    with pytest.raises(ConfigError) as caught:
        class_factory(config)
    return [str(problem) for problem in caught.value.problems]


def problems_of(text: str) -> list[str]:
    """Return the problems of a file as they are printed."""
    with pytest.raises(ConfigError) as caught:
        parse_pipeline(text, "f.yaml", {})
    return [str(problem) for problem in caught.value.problems]


def of(*nodes: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return the mapping of a composite."""
    return {"name": "Made", "nodes": list(nodes), **more}


CUT = {"name": "cut", "class": "LineCutter"}
COUNT = {"name": "count", "class": "PieceCounter"}

# -- the class -----------------------------------------------------------------------


def test_the_factory_makes_and_registers_a_class() -> None:
    """It is a subclass of `DynamicClassMediator` under the name, known to YAML, and in nobody's namespace."""
    cls = class_factory(TIDY)
    assert (cls.__name__, issubclass(cls, DynamicClassMediator), issubclass(cls, NanoNode)) == ("TidyLines", True, True)
    assert find_node_class("TidyLines") is cls
    assert "TidyLines" not in globals()


def test_the_same_composite_is_one_class_and_another_of_its_name_is_refused() -> None:
    """Made twice of the same mapping it is the same class; two classes under one name are an error."""
    assert class_factory(TIDY) is class_factory(TIDY)
    with pytest.raises(RegistrationError, match="two node classes bear the name `TidyLines`"):
        class_factory({**TIDY, "nodes": TIDY["nodes"][:1], "edges": None})


def test_outer_names_and_common_options_are_taken() -> None:
    """What is mapped goes to its part, what is frozen stays, what is neither keeps its default."""
    node = class_factory(TIDY)(separator=";", name="tidy", summary="Pieces")
    cut = node.inner["cut"]
    assert isinstance(cut, LineCutter)
    assert (cut.mark, cut.limit, node.name, node.summary) == (";", 20, "tidy", "Pieces")
    default = class_factory(TIDY)().inner["cut"]
    assert isinstance(default, LineCutter)
    assert (default.mark, default.limit) == (",", 20)
    assert [name for name in options_of(type(node)) if name not in options_of(NanoNode)] == ["separator"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limit": 3}, "TidyLines has frozen the option `limit` of its part `cut`"),
        ({"separtor": ";"}, "TidyLines has no option `separtor` (did you mean `separator`?); its options are"),
        ({"mark": ";"}, "TidyLines has no option `mark`; its options are"),
    ],
)
def test_frozen_and_unknown_options_are_refused(options: dict[str, Any], message: str) -> None:
    """A frozen option cannot be given, nor an inner name, nor one that is unknown: a TypeError."""
    with pytest.raises(TypeError) as caught:
        class_factory(TIDY)(**options)
    assert str(caught.value).startswith(message)


def test_an_option_that_its_part_cannot_do_without_is_needed() -> None:
    """A mapped option without a default is one of the composite's; neither mapped nor frozen it is a mistake."""
    cls = class_factory(of({"name": "n", "class": "Needy", "arg_mapping": {"table": "source"}}))
    with pytest.raises(TypeError, match=r"^Made needs the option `source`$"):
        cls()
    assert isinstance(cls(source="t").inner["n"], Needy)
    found = problems(of({"name": "n", "class": "Needy"}, name="Other"))
    assert found == ["composite `Other`: Needy needs the option `table`"]


def test_common_options_go_to_the_parts_that_they_are_about() -> None:
    """What is about the result goes to the tail, what is about the message to the head, the rest to each part."""
    node = class_factory(TIDY)(retain_input=False, on_error="skip", batch_rows=7, input_schema={"line": "text"})
    cut, count = node.inner.values()
    assert (cut.retain_input, count.retain_input) == (True, False)
    assert (cut.batch_rows, count.batch_rows, cut.error_policy.on_error) == (7, 7, "skip")
    assert ("input_schema" in cut.given_options, "input_schema" in count.given_options) == (True, False)


def test_an_option_that_each_part_has_frozen_is_refused() -> None:
    """A common option that no part takes any more is no option of the composite."""
    cls = class_factory(of({**CUT, "frozen_arguments": {"retain_input": False}}))
    with pytest.raises(TypeError, match="Made has no part that takes `retain_input`, or each has frozen or mapped it"):
        cls(retain_input=True)


def test_each_instance_has_parts_of_its_own() -> None:
    """Two instances share no node."""
    cls = class_factory(TIDY)
    assert not set(cls().member_nodes()) & set(cls().member_nodes())


def test_get_node_dict_tells_the_parts_and_makes_none() -> None:
    """Each part with its class, its frozen arguments and its remapping; an unknown class is told by its name."""
    assert get_node_dict(TIDY) == {
        "cut": {"class": LineCutter, "frozen_arguments": {"limit": 20}, "remapping": {"mark": "separator"}},
        "count": {"class": PieceCounter, "frozen_arguments": {}, "remapping": {}},
    }
    get_node_dict(of({"name": "no", "class": "Refuser"}))  # whose constructor raises
    with pytest.raises(ConfigError) as caught:
        get_node_dict(of({"name": "cut", "class": "LineCuter"}))
    assert [problem.reason for problem in caught.value.problems] == [
        "no node class is registered as `LineCuter`; did you mean `LineCutter`?"
    ]


def test_every_mistake_of_a_mapping_is_told_at_once() -> None:
    """Without a file there are no lines, and each problem names what it is about."""
    found = problems(
        of(
            {**CUT, "frozen_arguments": {"limt": 1}, "arg_mapping": {"mrak": "x", "limit": 5}},
            {"name": "count", "class": "PieceCuonter"},
            edges=[{"from": "cut", "to": "cuont"}],
        )
    )
    assert found == [
        "composite `Made`: unknown option of LineCutter `mrak`; did you mean `mark`?",
        "composite `Made`: expected the outer name of `limit`, got the number 5",
        "composite `Made`: unknown option of LineCutter `limt`; did you mean `limit`?",
        "composite `Made`: no node class is registered as `PieceCuonter`; did you mean `PieceCounter`?",
        "composite `Made`: unknown node `cuont`; did you mean `count`?",
    ]


def test_a_frozen_argument_of_python_is_taken_as_it_is() -> None:
    """What no file can hold, such as a function, is frozen untouched; texts are no references to the environment."""
    made = class_factory(of({"name": "c", "class": "Count", "frozen_arguments": {"convert": len, "host": "${X}"}}))
    part = made().inner["c"]
    assert part.given_options["convert"] is len
    assert part.given_options["host"] == "${X}"


# -- wiring, links and runs ------------------------------------------------------------


def test_without_edges_the_nodes_are_linked_in_the_order_listed() -> None:
    """The order of the list is the path."""
    node = class_factory(of(CUT, COUNT))()
    assert node.inner["cut"].output_node_list == [node.inner["count"]]


def test_source_and_sink_are_those_of_its_own_wiring() -> None:
    """Linking the composite changes neither."""
    node = class_factory(TIDY)()
    ends = node.get_source(), node.get_sink()
    assert ends == (node.inner["cut"], node.inner["count"])
    source, sink = Lines(), Keep()
    _ = source > node > sink
    assert (node.get_source(), node.get_sink()) == ends
    assert (node.source_list(), node.sink_list()) == ([ends[0]], [ends[1]])


def test_several_sources_are_an_error_and_none_is_none() -> None:
    """`get_source` gives one node or `None`; the lists give all."""
    edges = [{"from": "cut", "to": "count"}, {"from": "other", "to": "count"}]
    node = class_factory(of(CUT, {**CUT, "name": "other"}, COUNT, edges=edges))(name="n")
    with pytest.raises(ValueError, match=r"^`n` has several sources: `n.cut`, `n.other`; source_list\(\) gives all"):
        node.get_source()
    assert len(node.source_list()) == 2
    empty: DynamicClassMediator[Any, Any] = DynamicClassMediator()
    assert (empty.get_source(), empty.get_sink(), empty.source_list(), empty.sink_list()) == (None, None, [], [])
    with pytest.raises(TypeError, match="cannot be linked: it has no parts"):
        _ = empty > Keep()


def run_through(node: NanoNode[Any, Any], lines: list[str] | None = None) -> list[Any]:
    """Return what reaches a sink behind a composite between two nodes."""
    source, sink = Lines(lines=lines), Keep()
    _ = source > node > sink
    sink.run()
    return sink.rows


def test_a_composite_stands_in_the_middle_of_a_pipeline() -> None:
    """Links lead into its head and out of its tail, and rows go through its parts."""
    node = class_factory(TIDY)(separator=";")
    assert run_through(node) == [
        {"line": "a;b", "pieces": ["a", "b"], "count": 2},
        {"line": "c", "pieces": ["c"], "count": 1},
    ]
    assert (node.status, node.messages_received_counter, node.messages_sent_counter) == ("success", 2, 2)
    assert not node.is_source
    assert not node.is_sink


def test_a_composite_is_started_like_a_node() -> None:
    """Any call of a node that starts, waits or draws works on the composite too; it may be a pipeline alone."""
    node = class_factory(of({"name": "read", "class": "Lines"}, CUT, {"name": "keep", "class": "Keep"}))(name="all")
    assert (node.is_source, node.is_sink, node.status, node.time_running) == (True, True, "stopped", None)
    node.global_start()
    assert node.wait_for_pipeline_finish(10)["all.cut"].received == 2
    assert node.time_running is not None
    keep = node.inner["keep"]
    assert isinstance(keep, Keep)
    assert len(keep.rows) == 2


def test_a_composite_without_an_inner_input_is_a_source() -> None:
    """It gives rows to what is linked behind it, and nothing can be linked before it."""
    node = class_factory(of({"name": "read", "class": "Lines"}, CUT))()
    keep = Keep()
    _ = node > keep
    keep.run()
    assert len(keep.rows) == 2
    _ = Lines() > node
    with pytest.raises(GraphTypeError) as caught:
        keep.run()
    assert "has inputs, and Lines has no process_item to take rows with" in str(caught.value)


def test_links_lead_into_the_head_that_takes_rows() -> None:
    """Beside a part that makes rows of its own, the others at the head get what comes."""
    edges = [{"from": "cut", "to": "keep"}, {"from": "own", "to": "keep"}]
    parts = [CUT, {"name": "own", "class": "Lines"}, {"name": "keep", "class": "Keep"}]
    node = class_factory(of(*parts, edges=edges))()
    source = Lines()
    _ = source > node
    assert source.output_node_list == [node.inner["cut"]]
    assert (node.input_node_list, node.output_node_list) == ([source], [])
    source.unlink(node.inner["cut"])
    assert node.is_source


def test_composites_nest() -> None:
    """A composite is a part of another, and its parts have names that say where they are."""
    class_factory(TIDY)
    outer = of(
        {"name": "tidy", "class": "TidyLines", "arg_mapping": {"separator": "by"}}, {"name": "k", "class": "Keep"}
    )
    node = class_factory(outer)(by=";", name="outer")
    source = Lines()
    _ = source > node
    source.run()
    keep = node.inner["k"]
    assert isinstance(keep, Keep)
    assert [row["count"] for row in keep.rows] == [2, 1]
    assert [leaf.name for leaf in node.member_nodes()] == ["outer.tidy.cut", "outer.tidy.count", "outer.k"]
    assert node.get_source() is node.inner["tidy"]
    assert source.all_connected() == {source, *node.member_nodes()}


def test_the_name_of_the_pipeline_is_an_attribute_of_a_composite_too() -> None:
    """Of the parts, and of what these are parts of."""
    class_factory(TIDY)
    outer = class_factory({"name": "Outer", "nodes": [{"name": "tidy", "class": "TidyLines"}]})(name="outer")
    source, keep = Lines(), Keep()
    _ = source > outer > keep
    keep.run("letters")
    nodes = [source, outer, outer.inner["tidy"], *outer.member_nodes(), keep]
    assert {node.pipeline_name for node in nodes} == {"letters"}


def test_options_at_run_do_what_they_say() -> None:
    """`retain_input: false` gives the result alone, and `on_error: skip` leaves the bad row out."""
    cls = class_factory(TIDY)
    assert run_through(cls(separator=";", retain_input=False)) == [{"count": 2}, {"count": 1}]
    assert len(run_through(cls(on_error="skip"), ["bad", "a"])) == 1


def test_a_composite_is_checked_like_a_node() -> None:
    """Its contract is that of its ends, and what does not fit is told before the run."""
    node = class_factory(TIDY)(name="tidy")
    needed, own = node.needed_input(), node.own_output()
    assert needed is not None
    assert own is not None
    assert (needed.names, own.names) == (("line",), ("count",))
    given = Lines().own_output()
    through = node.output_schema_for(given)
    assert through is not None
    assert through.names == ("line", "pieces", "count")
    source = Lines(name="read", output_schema={"lien": "varchar(100)"})
    _ = source > node
    with pytest.raises(GraphTypeError) as caught:
        source.run()
    assert [str(problem) for problem in caught.value.problems] == [
        "Expected `varchar(100)`, got nothing - at `read → tidy.cut` $.line. Hint: did you mean `lien`?"
    ]


def test_a_circle_inside_is_refused_by_the_factory() -> None:
    """As in a file, a cycle is told by the names of its nodes."""
    edges = [{"from": "cut", "to": "count"}, {"from": "count", "to": "cut"}]
    assert problems(of(CUT, COUNT, edges=edges)) == ["composite `Made`: cycle: `count` → `cut` → `count`"]


def test_a_composite_is_drawn_as_a_frame_around_its_parts() -> None:
    """The picture has the names of the composite, of its class and of each part, and every edge."""
    node = class_factory(TIDY)(name="tidy")
    _ = Lines(name="read") > node
    graph = build_graph(node)
    assert 'subgraph cluster_0 { label="tidy: TidyLines"; n1; n2; }' in render_dot(graph)
    assert '  subgraph c0["tidy: TidyLines"]\n    n1\n    n2\n  end' in render_mermaid(graph)
    for name in ("tidy.cut", "tidy.count", "read"):
        assert name in node.draw_pipeline()


def test_generated_names_of_composites_are_in_no_fingerprint() -> None:
    """Two instances without names have one fingerprint, and labels that tell their parts apart."""
    cls = class_factory(TIDY)
    one, other = cls(), cls()
    assert fingerprint_of(survey_graph(one).graph) == fingerprint_of(survey_graph(other).graph)
    labels = [leaf.label for leaf in one.member_nodes()]
    assert labels == [f"TidyLines-{one.name[:4]}.cut", f"TidyLines-{one.name[:4]}.count"]


# -- files -----------------------------------------------------------------------------


def test_a_file_describes_a_composite(tmp_path: Path) -> None:
    """`load_composite` gives and registers the class of a file, with its environment."""
    path = tmp_path / "tidy.yaml"
    path.write_text(YAML.replace("limit: 20", 'limit: "${MOST}"'))
    cls = load_composite(path, {"MOST": "7"})
    assert find_node_class("TidyLines") is cls
    assert cls.parts[0].frozen == {"limit": 7}


def test_what_a_composite_has_frozen_of_secrets_is_hidden_wherever_it_is_used(tmp_path: Path) -> None:
    """Secrets, and values of the environment, are taken out of the messages of each pipeline that has the composite."""
    path = tmp_path / "login.yaml"
    frozen = '{password: "${LOGIN_PW}", token: pin-1234, host: "${LOGIN_HOST}"}'
    path.write_text(f"name: Login\nnodes:\n- {{name: a, class: Count, frozen_arguments: {frozen}}}\n")
    load_composite(path, {"LOGIN_PW": "swordfish", "LOGIN_HOST": "till-seven"})
    class_factory(of({"name": "login", "class": "Login"}))
    said = "swordfish and pin-1234 at till-seven"
    for name in ("Login", "Made"):
        text = f"nodes:\n  a: {{class: {name}}}\n  b: {{class: Show}}\npaths: [[a, b]]\n"
        assert parse_pipeline(text, "f.yaml", {}).redactor.redact(said) == "${LOGIN_PW} and ***** at ${LOGIN_HOST}"
    text = "name: Other\nnodes:\n- {name: a, class: Made}\n- {name: b, class: Show}\n"
    assert parse_pipeline(text, "f.yaml", {}).redactor.redact(said) == "${LOGIN_PW} and ***** at ${LOGIN_HOST}"


def test_a_composite_is_a_class_in_a_pipeline_file() -> None:
    """A file names it, with its outer options; its nodes run under `composite.part`, at the place of the composite."""
    class_factory(TIDY)
    text = (
        "nodes:\n  read: {class: Lines}\n  tidy: {class: TidyLines, options: {separator: ;}}\npaths: [[read, tidy]]\n"
    )
    pipeline = parse_pipeline(text, "f.yaml", {})
    assert list(pipeline.nodes) == ["read", "tidy.cut", "tidy.count"]
    assert dict(pipeline.positions) == {"read": (2, 3), "tidy.cut": (3, 3), "tidy.count": (3, 3)}
    assert pipeline.nodes["read"].output_node_list == [pipeline.nodes["tidy.cut"]]
    assert problems_of(text.replace("separator: ;", "separator: 5, limit: 3")) == [
        'f.yaml:3:49: option `separator`: expected text, got the number 5; in quotes it is text: "5"',
        "f.yaml:3:52: unknown option of TidyLines `limit`; known are `separator`, and the options of every node",
    ]


def test_the_file_of_a_composite_is_a_pipeline_of_one_instance() -> None:
    """Its parts are the nodes, each at its place, linked as the file says."""
    text = YAML.replace("  - name: cut", "  - {name: read, class: Lines}\n  - name: cut")
    text = text.replace("edges:\n", "edges:\n  - {from: read, to: cut}\n")
    pipeline: Pipeline = parse_pipeline(text, "f.yaml", {})
    assert pipeline.name == "TidyLines"
    assert list(pipeline.nodes) == ["TidyLines.read", "TidyLines.cut", "TidyLines.count"]
    assert pipeline.positions["TidyLines.cut"] == (4, 5)
    assert check_pipeline(pipeline) == []
    assert pipeline.anchor.run()["TidyLines.count"].received == 2
    needy = "name: Made\nnodes:\n- {name: n, class: Needy, arg_mapping: {table: source}}\n"
    assert problems_of(needy) == ["f.yaml:1:7: no Made can be made: Made needs the option `source`"]


def test_every_mistake_of_a_file_is_told_at_its_place() -> None:
    """Positions, nearest names and all problems at once, as for a pipeline."""
    text = """\
name: Tidy Lines
nodes:
  - name: cut
    class: LineCutter
    frozen_arguments: {limit: many, marc: x}
    arg_mapping: {limit: most, mark: name}
  - {name: cut, class: PieceCounter}
  - {name: count, class: PieceCounter, arg_maping: {}}
  - {class: PieceCounter}
  - none
edges:
  - {from: cut, to: count}
  - {from: cut, too: count}
"""
    assert problems_of(text) == [
        "f.yaml:1:7: `name`: a class cannot be called 'Tidy Lines'",
        "f.yaml:5:31: option `limit`: expected a whole number, got the text 'many'",
        "f.yaml:5:37: unknown option of LineCutter `marc`; did you mean `mark`?",
        "f.yaml:6:19: `limit` is frozen, and cannot have an outer name too",
        "f.yaml:6:38: an option of a composite cannot be called `name`",
        "f.yaml:7:12: two nodes bear the name `cut`; the first is on line 3",
        "f.yaml:8:40: unknown key `arg_maping`; did you mean `arg_mapping`?",
        "f.yaml:9:5: `name` is missing",
        "f.yaml:10:5: a node is a mapping with `name` and `class`, got the text 'none'",
        "f.yaml:13:5: `to` is missing",
        "f.yaml:13:17: unknown key `too`; did you mean `to`?",
    ]
