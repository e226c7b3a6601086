from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import pytest

from nanotyped.config import Pipeline, check_pipeline, load_pipeline, parse_pipeline
from nanotyped.errors import ConfigError
from nanotyped.registry import register_node
from tests.unit.config.sample_nodes import Count

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """\
pipeline_name: Till to ledger
pipeline_description: All of it
nodes:
  read:
    class: Count
    summary: The till
    options: {start: 3}
  left: {class: Show}
  right:
    class: Show
    options:
    summary:
paths:
- [read, left]
- [read, left]
edges:
- {source: read, target: right}
- {source: read, target: left}
"""


def parse(text: str) -> Pipeline:
    """Return the pipeline of a text."""
    return parse_pipeline(text, "f.yaml", {})


def problems(text: str) -> list[str]:
    """Return the problems of a text as they are printed."""
    with pytest.raises(ConfigError) as caught:
        parse(text)
    return [str(problem) for problem in caught.value.problems]


def of(links: str, names: str = "abcd") -> str:
    """Return a text of a source and sinks, from line 2 on, and links from line 2 + number of names on."""
    nodes = [f"  {name}: {{class: {'Count' if name == 'a' else 'Show'}}}\n" for name in names]
    return f"nodes:\n{''.join(nodes)}{links}"


def test_reads_a_pipeline() -> None:
    """Nodes are made with their names, summaries and options; a pair named twice is one edge."""
    pipeline = parse(GOOD)
    read, left, right = pipeline.nodes.values()
    assert (pipeline.name, pipeline.description) == ("Till to ledger", "All of it")
    assert list(pipeline.nodes) == ["read", "left", "right"] == [node.name for node in pipeline.nodes.values()]
    assert isinstance(read, Count)
    assert (read.start, read.summary) == (3, "The till")
    assert read.output_node_list == [left, right]
    assert pipeline.anchor is read
    assert dict(pipeline.positions) == {"read": (4, 3), "left": (8, 3), "right": (9, 3)}


def test_loads_a_file_with_the_environment_of_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`${NAME}` is looked up in `os.environ` where nothing else is given."""
    monkeypatch.setenv("TILL_HOST", "till-7")
    path = tmp_path / "p.yaml"
    path.write_text(GOOD.replace("start: 3", "host: '${TILL_HOST}'"))
    read = load_pipeline(path).anchor
    assert isinstance(read, Count)
    assert read.given["host"] == "till-7"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5", ["f.yaml:1:1: expected a mapping, got the number 5"]),
        ("[]", ["f.yaml:1:1: expected a mapping, got a list"]),
        ("pipeline_name: x\n", ["f.yaml:1:1: `nodes` is missing"]),
        ("nodes: {}\n", ["f.yaml:1:8: a pipeline has at least two nodes"]),
        ("nodes:\n", ["f.yaml:1:7: `nodes`: expected a mapping, got nothing"]),
        (
            "node_sequence: []\n",
            ["f.yaml:1:16: a sequence has at least one node"],
        ),
        (
            "name: X\nnodes: [{name: a}]\n",
            ["f.yaml:2:9: `class` is missing"],
        ),
        (
            of("pipeline_name: 5\npaths: [[a, b]]", "ab"),
            ["f.yaml:4:16: `pipeline_name`: expected text, got the number 5"],
        ),
        (of("path: [[a, b]]", "ab"), ["f.yaml:4:1: unknown key `path`; did you mean `paths`?"]),
        (of("", "ab"), ["f.yaml:1:1: `paths` is missing: lists of the names of nodes, in the order that rows take"]),
    ],
)
def test_refuses_what_is_no_pipeline(text: str, expected: list[str]) -> None:
    """A file of another form, or with a mistake at its head, is told what it ought to be."""
    found = [line.replace('; in quotes it is text: "5"', "") for line in problems(text)]
    assert found == expected


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ("{class: Shwo}", "f.yaml:3:14: no node class is registered as `Shwo`; did you mean `Show`?"),
        (
            "{class: Zebra}",
            "f.yaml:3:14: no node class is registered as `Zebra`; `nanotyped nodes` lists the classes;"
            " those of a module of your own are known with `--module NAME`, composites with `--composite FILE`",
        ),
        ("{class: NotANode}", "f.yaml:3:14: `NotANode` is registered, but is no node class"),
        ("{clas: Show}", "f.yaml:3:7: unknown key `clas`; did you mean `class`?"),
        ("{}", "f.yaml:3:3: `class` is missing"),
        ("Show", "f.yaml:3:6: `b`: expected a mapping, got the text 'Show'"),
        ("{class: 5}", 'f.yaml:3:14: `class`: expected text, got the number 5; in quotes it is text: "5"'),
        (
            "{class: Show, options: {retry: {atempts: 5}}}",
            "f.yaml:3:38: unknown key `atempts`; did you mean `attempts`?",
        ),
        (
            "{class: SimpleTransforms, options: {transform_mapping: [{path: a, zebra: 1}]}}",
            "f.yaml:3:72: unknown key `zebra`; known are `path`, `starting_path`, `target_value`, `target_function`,"
            " `function_args`, `function_kwargs`",
        ),
        ("{class: Show, option: {x: 1}}", "f.yaml:3:20: unknown key `option`; did you mean `options`?"),
        ("{class: Show, options: [x]}", "f.yaml:3:29: `options`: expected a mapping, got a list"),
    ],
)
def test_refuses_a_node(node: str, expected: str) -> None:
    """A mistake in a node is reported where it stands."""
    wrong: Any = int
    register_node("NotANode")(wrong)
    assert expected in problems(f"nodes:\n  a: {{class: Count}}\n  b: {node}\npaths: [[a, b]]\n")


@pytest.mark.parametrize(
    ("links", "expected"),
    [
        ("paths: [[a, b, c, dd]]", ["f.yaml:6:19: unknown node `dd`; did you mean `d`?"]),
        ("paths: [[a, b, c]]", ["f.yaml:5:3: node `d` is in no path"]),
        ("paths: [[a, b, c, d], [b]]", ["f.yaml:6:23: a path has two names or more, got `b` alone"]),
        ("paths: [[a, b, c, d], []]", ["f.yaml:6:23: a path has two names or more, got nothing"]),
        ("paths: [[a, b, c, d], a]", ["f.yaml:6:23: a path is a list of names, got the text 'a'"]),
        ("paths: [[a, b, c, d, 5]]", ["f.yaml:6:22: expected the name of a node, got the number 5"]),
        ("paths: [[a, b, b, c, d]]", ["f.yaml:6:16: `b` cannot be linked to itself"]),
        ("paths: [[a, b, c, b, d]]", ["f.yaml:6:19: cycle: `c` → `b` → `c`"]),
        ("paths: [[a, b], [c, d]]", ["f.yaml:4:3: nothing links `c` to `a`; two pipelines are two files"]),
        (
            "edges: [{source: a, target: x}, {from: a, to: b}, {source: c, target: d}, {source: a, target: b}]",
            [
                "f.yaml:6:29: unknown node `x`; known are `a`, `b`, `c`, `d`",
                "f.yaml:6:33: `source` is missing",
                "f.yaml:6:33: `target` is missing",
                "f.yaml:6:34: unknown key `from`; known are `source`, `target`, `max_queue_size`",
                "f.yaml:6:43: unknown key `to`; known are `source`, `target`, `max_queue_size`",
            ],
        ),
    ],
)
def test_refuses_links(links: str, expected: list[str]) -> None:
    """A link that leads nowhere, to itself or round in a circle is reported at the name that is wrong."""
    assert problems(of(links)) == expected


def test_a_bound_of_an_edge_stands_beside_its_ends() -> None:
    """Also of a pair that a path names too; it is one edge."""
    links = "paths: [[a, b, c, d]]\nedges: [{source: b, target: c, max_queue_size: 5}, {source: b, target: c}]"
    nodes = parse(of(links).replace("d: {class: Count}", "d: {class: Show}")).nodes
    assert [nodes[one].queue_rows(nodes[other]) for one, other in ("ab", "bc", "cd")] == [4000, 5, 4000]
    wrong = of("paths: [[a, b, c, d]]\nedges: [{source: a, target: b, max_queue_size: 0}]")
    assert problems(wrong) == ["f.yaml:7:48: `max_queue_size`: it should be greater than or equal to 1"]


def test_reports_everything_at_once_in_the_order_of_the_file() -> None:
    """Mistakes of the text, of keys, options, classes and links come together."""
    text = (
        "pipeline_nam: x\n"
        "nodes:\n"
        "  a: {class: Count, options: {start: x, start: 1, host: *h}}\n"
        "  b: {class: Shw}\n"
        "  c: {class: *c, sumary: x}\n"
        "paths:\n"
        "- [a, bb]\n"
        "- [c]\n"
    )
    assert problems(text) == [
        "f.yaml:1:1: unknown key `pipeline_nam`; did you mean `pipeline_name`?",
        "f.yaml:3:38: option `start`: expected a whole number, got the text 'x'",
        "f.yaml:3:41: `start` is given twice; first on line 3",
        "f.yaml:3:57: an alias (`*h`); write the value out",
        "f.yaml:4:14: no node class is registered as `Shw`; did you mean `Show`?",
        "f.yaml:5:14: an alias (`*c`); write the value out",
        "f.yaml:5:18: unknown key `sumary`; did you mean `summary`?",
        "f.yaml:7:7: unknown node `bb`; did you mean `b`?",
        "f.yaml:8:3: a path has two names or more, got `c` alone",
    ]


def test_the_error_prints_and_pickles() -> None:
    """The group prints its count and every problem, also after pickling."""
    with pytest.raises(ConfigError) as caught:
        parse("nodes: {}\n")
    text = "f.yaml: 1 problem\n  f.yaml:1:8: a pipeline has at least two nodes"
    assert (str(caught.value), str(pickle.loads(pickle.dumps(caught.value)))) == (text, text)


# -- the graph ---------------------------------------------------------------------------

CONTRACT = """\
nodes:
  read:
    class: Count
    output_schema: {id: "varchar(9)", n: int}
  show:
    class: Show
    input_schema: {id: "int", m: int}
paths: [[read, show]]
"""


def test_problems_of_the_graph_are_placed_at_their_nodes() -> None:
    """The message keeps its edge, column and hint, and stands at the node that it is about."""
    assert [str(problem) for problem in check_pipeline(parse(CONTRACT))] == [
        "f.yaml:5:3: Expected `int`, got `varchar(9)` - at `read → show` $.id. Hint: put a Cast to `int` between them",
        "f.yaml:5:3: Expected `int`, got nothing - at `read → show` $.m. Hint: the columns are `id`, `n`",
    ]


def test_strict_places_unchecked_edges() -> None:
    """An edge of unknown schema is a problem of the node that it comes from, only with `strict`."""
    pipeline = parse(of("paths: [[a, b]]", "ab"))
    assert check_pipeline(pipeline) == []
    assert [str(problem) for problem in check_pipeline(pipeline, strict=True)] == [
        "f.yaml:2:3: the edge `a → b` is unchecked: what `a` gives is not known. Hint: declare its output_schema"
    ]


def test_a_source_that_cannot_be_reached_is_placed_and_not_shown() -> None:
    """With `connect` each node looks at what it reads; the message names the node and no variable's value."""
    text = (
        "nodes:\n  a: {class: Reader, options: {host: '${DB_HOST}', table: t}}\n  b: {class: Show}\npaths: [[a, b]]\n"
    )
    pipeline = parse_pipeline(text, "f.yaml", {"DB_HOST": "db.internal"})
    assert check_pipeline(pipeline) == []
    assert [str(problem) for problem in check_pipeline(pipeline, connect=True)] == [
        "f.yaml:2:3: node `a`: cannot connect to ${DB_HOST}"
    ]


def test_a_source_in_the_middle_is_placed() -> None:
    """A node that takes no rows and is linked to is refused at its place."""
    text = of("paths: [[a, b]]", "ab").replace("class: Show", "class: Count")
    assert [str(problem) for problem in check_pipeline(parse(text))] == [
        "f.yaml:3:3: node `b` has inputs, and Count has no process_item to take rows with."
        " Hint: a source cannot be linked to"
    ]
