from __future__ import annotations

import pytest

from nanotyped.config import check_pipeline, parse_pipeline
from nanotyped.engine.fingerprint import fingerprint_of
from nanotyped.errors import ConfigError
from nanotyped.graph import build_graph
from tests.unit.config.sample_nodes import Count

TEXT = """\
pipeline_name: letters
pipeline_description: All of them
node_sequence:
  - {name: show, class: Show, parents: [read, other], summary: On paper}
  - {name: read, class: Count, start: 3, host: "${HOST}"}
  - {name: other, class: Count, output_schema: {n: int}}
"""
KEYED = """\
pipeline_name: letters
nodes:
  show: {class: Show}
  read: {class: Count, options: {start: 3, host: "${HOST}"}}
  other: {class: Count, output_schema: {n: int}}
paths: [[read, show], [other, show]]
"""


def problems(text: str) -> list[str]:
    """Return the problems of a text as they are printed."""
    with pytest.raises(ConfigError) as caught:
        parse_pipeline(text, "f.yaml", {})
    return [str(problem) for problem in caught.value.problems]


def test_reads_a_sequence() -> None:
    """Options stand beside name and class, parents may stand further down, and the environment is followed."""
    pipeline = parse_pipeline(TEXT, "f.yaml", {"HOST": "till-7"})
    show, read, other = pipeline.nodes.values()
    assert (pipeline.name, pipeline.description) == ("letters", "All of them")
    assert (show.name, show.summary, show.input_node_list) == ("show", "On paper", [read, other])
    assert isinstance(read, Count)
    assert (read.start, read.given["host"]) == (3, "till-7")
    assert dict(pipeline.positions) == {"show": (4, 5), "read": (5, 5), "other": (6, 5)}
    assert check_pipeline(pipeline) == []


def test_a_sequence_and_its_pipeline_are_one_graph() -> None:
    """The same nodes in both forms have the same fingerprint."""
    one, other = (parse_pipeline(text, "f.yaml", {"HOST": "x"}).anchor for text in (TEXT, KEYED))
    assert fingerprint_of(build_graph(one)) == fingerprint_of(build_graph(other))


def test_a_sequence_may_be_one_node() -> None:
    """A source alone needs no parents."""
    assert list(parse_pipeline("node_sequence: [{name: a, class: Count}]", "f.yaml", {}).nodes) == ["a"]


def test_every_mistake_of_a_sequence_is_told_at_its_place() -> None:
    """Names, classes, options and parents, each with the nearest name."""
    text = """\
pipeline_nmae: letters
node_sequence:
  - {name: read, class: Count, strat: 3, host: no, flag: no, start: "3"}
  - {name: show, class: Shwo, parents: [raed]}
  - {name: read, class: Count}
  - {name: file, class: Show, parent: [read]}
  - {name: last, clas: Show, parents: [read]}
  - {name: 5, class: Show}
  - {class: Show}
  - Show
  - {name: one, class: Reader, parents: read}
  - {name: self, class: Show, parents: [self]}
"""
    assert problems(text) == [
        "f.yaml:1:1: unknown key `pipeline_nmae`; did you mean `pipeline_name`?",
        "f.yaml:3:32: unknown option of Count `strat`; did you mean `start`?",
        "f.yaml:3:58: option `flag`: expected true or false, got the text 'no'",
        "f.yaml:3:69: option `start`: expected a whole number, got the text '3'; without quotes it is a number",
        "f.yaml:4:25: no node class is registered as `Shwo`; did you mean `Show`?",
        "f.yaml:4:41: unknown node `raed`; did you mean `read`?",
        "f.yaml:5:12: two nodes bear the name `read`; the first is on line 3",
        "f.yaml:6:5: node `file` has no parents, and is a parent of none",
        "f.yaml:6:31: unknown option of Show `parent`; did you mean `parents`?",
        "f.yaml:7:18: unknown key `clas`; did you mean `class`?",
        "f.yaml:8:12: `name`: expected text, got the number 5",
        "f.yaml:9:5: `name` is missing",
        "f.yaml:10:5: a node is a mapping with `name` and `class`, got the text 'Show'",
        "f.yaml:11:5: Reader needs the option `host`",
        "f.yaml:11:5: Reader needs the option `table`",
        "f.yaml:11:41: `parents`: expected a list, got the text 'read'",
        "f.yaml:12:41: `self` cannot be linked to itself",
    ]


def test_a_cycle_of_parents_is_told() -> None:
    """At the link that closes it, with the names of its nodes."""
    text = "node_sequence:\n- {name: a, class: Show, parents: [b]}\n- {name: b, class: Show, parents: [a]}\n"
    assert problems(text) == ["f.yaml:3:36: cycle: `a` → `b` → `a`"]
