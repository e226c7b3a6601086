from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr

from nanotyped import (
    Cast,
    ConfigError,
    Filter,
    HttpGetRequest,
    HttpPostRequest,
    NanoNode,
    PrinterOfThings,
    ReadRows,
    Retry,
    Row,
    SimpleTransforms,
    class_factory,
    mysql_type,
    pipeline,
)
from nanotyped.cli import main
from nanotyped.config import Pipeline, load_composite, load_pipeline, parse_pipeline
from nanotyped.config.export_file import render_file_python
from nanotyped.config.stubs import render_stub
from nanotyped.config.yaml_reader import parse_yaml
from nanotyped.config.yaml_text import render_yaml_text
from nanotyped.engine.fingerprint import fingerprint_of
from nanotyped.errors import ExportError
from nanotyped.graph import build_graph
from nanotyped.registry import register_function, register_node
from nanotyped.types import INTEGER, MYSQL_INTEGER8
from tests.unit.config.sample_nodes import Count, Show
from tests.unit.config.test_sequences import KEYED, TEXT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DEMO = Path(__file__).parents[3] / "examples/demo/shop_to_api.yaml"
ENVIRONMENT = {"SHOP_URL": "mysql://u:secret-9@db/shop", "API_URL": "http://127.0.0.1", "HOST": "till-7", "N": "5"}
MADE = """\
name: Made
nodes:
- {name: a, class: Count, frozen_arguments: {start: "${N}", host: "at ${HOST}", mode: slow}, arg_mapping: {flag: on_}}
- {name: b, class: Show}
edges: [{from: a, to: b}]
"""
WHOLE = """\
pipeline_name: All of it
nodes:
  count it:
    class: Count
    summary: 'With "quotes"'
    output_schema: {n: int}
    options:
      start: "${N}"
      rate: 2.5
      host: "on ${HOST}, in $${braces}"
      key: [a, 1]
      columns: {a: 1}
      sizes: [1, 2]
      price: 5.25
      convert: int
      password: "${SHOP_URL}"
      token: "${SHOP_URL}"
      headers: {Accept: "a", X: "${HOST}"}
      dead_letter: bad.jsonl
  class: {class: Show, options: {retry: {attempts: 5}}}
paths: [[count it, class]]
"""


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the variables that the files name."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def fingerprint(text: str) -> Mapping[str, str]:
    """Return the fingerprint of a file."""
    return fingerprint_of(build_graph(parse_pipeline(text, "f.yaml", ENVIRONMENT).anchor))


def run_python(text: str) -> dict[str, Any]:
    """Return the names of a program that was run as a module."""
    names: dict[str, Any] = {"__name__": "exported"}
    exec(compile(text, "exported.py", "exec"), names)
    return names


# -- Python to YAML --------------------------------------------------------------------


def test_a_pipeline_of_python_is_a_file_of_the_same_fingerprint() -> None:
    """`to_yaml` of a flow or of any node gives a file that loads to the same pipeline."""
    read = ReadRows(name="read", path=Path("a.csv"), output_schema={"id": MYSQL_INTEGER8, "no": "varchar(9) null"})
    keep = Filter(name="keep", test="value_is_not_none", key="no", retry=Retry(attempts=5), summary="Some: of them")
    show = PrinterOfThings(name="show", prepend="${x} ", on_error="skip")
    flow = pipeline(read, keep, show)
    text = flow.to_yaml("Letters")
    assert (
        text
        == show.to_yaml("Letters")
        == """\
pipeline_name: Letters
nodes:
  read:
    class: ReadRows
    output_schema: {id: int(8), 'no': varchar(9) null}
    options: {path: a.csv}
  keep:
    class: Filter
    summary: 'Some: of them'
    options:
      test: value_is_not_none
      key: 'no'
      retry: {attempts: 5}
  show:
    class: PrinterOfThings
    options:
      prepend: "$${x} "
      on_error: skip
edges:
- {source: read, target: keep}
- {source: keep, target: show}
"""
    )
    assert fingerprint(text) == fingerprint_of(build_graph(read))


@pytest.mark.parametrize(
    "middle",
    [
        lambda: Cast(name="c", columns={"id": mysql_type("bigint"), "no": mysql_type("text")}),
        lambda: Cast(name="c", columns={"id": INTEGER.of(bits=64)}),
        lambda: Filter(name="c", test="key_exists", key="id", input_schema={"id": INTEGER.of(bits=32).nullable()}),
        lambda: PrinterOfThings(name="c", post_process_function=str, output_key="o"),
        lambda: PrinterOfThings(name="c", post_process_function="builtins__str", output_key="o"),
        lambda: SimpleTransforms(name="c", transform_mapping=[{"path": "no", "target_function": str}]),
        lambda: SimpleTransforms(name="c", transform_mapping=[{"path": "no", "target_function": "builtins__int"}]),
        lambda: HttpGetRequest(name="c", url="http://127.0.0.1/x", headers={"Accept": "a"}, json=False, output_key="o"),
    ],
)
def test_types_functions_and_headers_have_one_fingerprint(middle: Callable[[], NanoNode[Any, Any]]) -> None:
    """However Python gives them: as types, as functions or by their names, as plain text."""
    read = ReadRows(name="read", path="a.csv", output_schema={"id": "int null", "no": "varchar(9) null"})
    flow = pipeline(read, middle(), PrinterOfThings(name="show"))
    assert fingerprint(flow.to_yaml()) == fingerprint_of(build_graph(read))


def test_the_bound_of_an_edge_is_in_the_file() -> None:
    """It comes back out of it, and so it does out of the program; the usual one is not written."""
    count, middle, show = Count(name="count"), PrinterOfThings(name="middle"), Show(name="show")
    count.add_edge(middle, max_queue_size=7)
    middle.add_edge(show)
    loaded, program = exported(count.to_yaml())
    assert loaded.to_yaml() == count.to_yaml()
    assert count.to_yaml().splitlines()[-2:] == [
        "- {source: count, target: middle, max_queue_size: 7}",
        "- {source: middle, target: show}",
    ]
    assert loaded.nodes["count"].queue_rows(loaded.nodes["middle"]) == 7
    assert "\ncount.add_edge(middle, max_queue_size=7)\nmiddle.add_edge(show)\n" in program


def test_no_secret_is_in_the_file() -> None:
    """A secret is the variable that holds it, or one that a comment says to set; of a header too."""
    count = Count(name="till", token="secret-9", password=SecretStr(ENVIRONMENT["SHOP_URL"]), start=1)
    post = HttpPostRequest(name="post", url="http://127.0.0.1/x", headers={"Authorization": "secret-9"})
    _ = count > post
    text = post.to_yaml()
    assert "secret-9" not in text
    assert text.splitlines()[:2] == [
        "# Set TILL_TOKEN: node `till`, option `token`.",
        "# Set POST_HEADERS_AUTHORIZATION: node `post`, option `headers`, `Authorization`.",
    ]
    assert 'password: "${SHOP_URL}"' in text
    loaded = parse_pipeline(text, "f.yaml", {**ENVIRONMENT, "TILL_TOKEN": "x", "POST_HEADERS_AUTHORIZATION": "y"})
    assert fingerprint_of(build_graph(loaded.anchor)) == fingerprint_of(build_graph(post))


def test_functions_and_composites_go_by_their_names() -> None:
    """A registered function is its name, and a composite one node with its outer options."""
    register_function("twice")(double)
    made = class_factory({"name": "Made", "nodes": [{"name": "a", "class": "Count", "arg_mapping": {"convert": "by"}}]})
    node = made(name="made", by=double)
    _ = node > Show(name="show")
    text = node.to_yaml()
    assert "  made:\n    class: Made\n    options: {by: twice}\n" in text
    assert text.endswith("edges:\n- {source: made, target: show}\n")
    assert fingerprint(text) == fingerprint_of(build_graph(node))


def double(value: Any) -> Any:
    """Return twice a value."""
    return value * 2


def test_nodes_without_names_get_some() -> None:
    """A file cannot do without: class and place."""
    _ = (count := Count()) > Show()
    assert "  count_1: {class: Count}\n  show_2: {class: Show}\n" in count.to_yaml()


def test_everything_that_no_file_can_hold_is_told_at_once() -> None:
    """Classes and functions that are not registered, and objects."""

    class Strange(Count):
        pass

    _ = (node := Strange(name="odd", convert=double, anything=object(), rate=1.5)) > Show(name="show")
    with pytest.raises(ExportError) as caught:
        node.to_yaml()
    assert caught.value.problems == (
        "node `odd`: Strange is not registered; put @register_node before it",
        "node `odd`, option `convert`: `double`, which is not registered, cannot stand in a file",
        "node `odd`, option `anything`: a object cannot stand in a file",
    )


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab: #'\"\n1", min_size=1), inner, max_size=3),
    max_leaves=8,
)


@given(PLAIN)
@example(5e-324)
@example(-1e300)
@example("\x85")
@example("a\u2028b")
def test_text_of_values_reads_back_as_these_values(value: Any) -> None:
    """Whatever a file can hold, `no`, `012` and `1e3` as text among it, comes back as it was."""
    document = parse_yaml(render_yaml_text({"value": value}), "f.yaml")
    assert (document.value, document.problems) == ({"value": value}, [])


@pytest.mark.parametrize("text", ["no", "012", "1e3", "1.5", "null", "~", "", "-", "${X}", "a: b", "- a", "#", "0x1F"])
def test_text_stays_text(text: str) -> None:
    """What would be something else without quotes gets them."""
    assert parse_yaml(render_yaml_text({"value": text}), "f.yaml").value == {"value": text}


# -- files to Python and YAML ----------------------------------------------------------


def exported(text: str) -> tuple[Pipeline, str]:
    """Return the pipeline of a text, and its program."""
    loaded = parse_pipeline(text, "f.yaml", ENVIRONMENT)
    return loaded, render_file_python("f.yaml", loaded.built)


@pytest.mark.parametrize("text", [KEYED, TEXT, WHOLE, MADE], ids=["keyed", "sequence", "whole", "composite"])
def test_a_file_is_a_program_of_the_same_fingerprint(text: str) -> None:
    """Run as a module it makes the same nodes, and no value of the environment is in it."""
    loaded, program = exported(text)
    names = run_python(program)
    if text is MADE:
        node = names["Made"](name="Made")
    else:
        node = next(value for value in names.values() if isinstance(value, Count))
    assert fingerprint_of(build_graph(node)) == fingerprint_of(build_graph(loaded.anchor))
    assert not [value for name, value in ENVIRONMENT.items() if name != "N" and value in program]


def test_the_program_reads_like_one() -> None:
    """Imports, a node each, links, and a main part."""
    loaded = load_pipeline(DEMO, ENVIRONMENT)
    program = render_file_python("shop_to_api.yaml", loaded.built)
    assert (
        program
        == '''\
"""Shop to API, as `nanotyped export` wrote it out of shop_to_api.yaml."""

import os
from nanotyped.nodes import Filter, HttpPostRequest, Remapper, StreamTable

read_orders = StreamTable(
    name="read_orders",
    summary="All orders, typed as the table declares them",
    url=os.environ["SHOP_URL"],
    table="orders",
)
keep_paid = Filter(
    name="keep_paid",
    test="value_is_not_none",
    key="paid_at",
)
rename = Remapper(
    name="rename",
    mapping={
        "order_id": "id",
        "customer": "customer_id",
        "total": "total",
        "currency": "currency",
        "paid_at": "paid_at",
        "note": "note",
    },
    retain_input=False,
)
post = HttpPostRequest(
    name="post",
    summary="What the API takes; rename has dropped the rest",
    url=os.environ["API_URL"] + "/orders",
    batch_rows=500,
    input_schema={
        "order_id": "bigint unsigned",
        "customer": "int unsigned",
        "total": "decimal(12,2)",
        "currency": "varchar(3)",
        "paid_at": "timestamp(6)",
        "note": "varchar(200) null",
    },
)

read_orders.add_edge(keep_paid)
keep_paid.add_edge(rename)
rename.add_edge(post)


if __name__ == "__main__":
    read_orders.run(pipeline_name="Shop to API")
'''
    )


def test_no_name_ends_a_docstring_or_a_comment() -> None:
    """Quotes, backslashes and ends of lines in names and titles stay what they are: text."""
    head = 'pipeline_name: \'a \\ """ b\''
    text = f"{head}\nnodes:\n  a: {{class: Count}}\n  b: {{class: Show}}\npaths: [[a, b]]\n"
    program = render_file_python('"""\nx.yaml', parse_pipeline(text, "f.yaml", {}).built)
    first = program.splitlines()[0]
    assert first == '"""' + r"a \\ ''' b, as `nanotyped export` wrote it out of '''\x0ax.yaml." + '"""'
    run_python(program)
    _ = (count := Count(name="a\nnodes: []", token="abcd")) > Show(name="show")
    lines = count.to_yaml().splitlines()
    assert lines[:2] == [r"# Set A_NODES_____TOKEN: node `a\x0anodes: []`, option `token`.", "nodes:"]


@pytest.mark.parametrize("text", [KEYED, TEXT, WHOLE, MADE], ids=["keyed", "sequence", "whole", "composite"])
def test_a_file_is_a_file_again(text: str) -> None:
    """`Pipeline.to_yaml` keeps references to the environment, and the fingerprint."""
    loaded = parse_pipeline(text, "f.yaml", ENVIRONMENT)
    again = loaded.to_yaml()
    assert fingerprint(again) == fingerprint(text)
    assert "${HOST}" in again
    assert parse_pipeline(again, "f.yaml", ENVIRONMENT).to_yaml() == again


def test_a_secret_is_in_the_program_only_where_it_is_in_the_file() -> None:
    """What stands in the file is a `SecretStr` there; of a composite out of Python it is not known where it stands."""
    text = "nodes:\n  a: {class: %s}\n  b: {class: Show}\npaths: [[a, b]]\n"
    assert 'password=SecretStr("abcd"),' in exported(text % "Count, options: {password: abcd}")[1]
    frozen = {"name": "a", "class": "Count", "frozen_arguments": {"password": "abcd"}}
    class_factory({"name": "Made", "nodes": [frozen]})
    with pytest.raises(ExportError, match=r"^a secret of which it is not known where it comes from is in no program$"):
        exported(text % "Made")


def test_the_command_exports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--python` or `--yaml`; one of them is needed, and what cannot be exported is told."""
    path = tmp_path / "f.yaml"
    path.write_text(WHOLE)
    assert main(["export", str(path), "--python"]) == 0
    assert capsys.readouterr().out == render_file_python(str(path), load_pipeline(path).built)
    assert main(["export", str(path), "--yaml"]) == 0
    assert capsys.readouterr().out == load_pipeline(path).to_yaml()
    assert main(["export", str(path)]) == 2
    assert "one of the arguments --python --yaml is required" in capsys.readouterr().err


# -- stubs -----------------------------------------------------------------------------


def test_the_stub_of_a_composite_has_its_options_and_its_contract(tmp_path: Path) -> None:
    """Mypy learns the outer names, their types, and the Row classes of the ends."""
    path = tmp_path / "made.yaml"
    path.write_text(MADE)
    stub = render_stub(load_composite(path))
    assert stub.startswith(
        "from nanotyped import DynamicClassMediator\nfrom typing import Any, Literal\n\n"
        "class Made(DynamicClassMediator[Any, Any]):\n    def __init__(\n        self,\n        *,\n"
        "        on_: bool = ...,\n        name: str | None = ...,\n        summary: str = ...,\n"
    )
    with pytest.raises(ConfigError):
        load_composite(DEMO)


class Line(Row):
    line: str


class Pieces(Row):
    pieces: int


class Cut(NanoNode[Line, Pieces]):
    def __init__(self, *, limit: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)


def test_the_stub_names_the_row_classes_of_the_ends() -> None:
    """They are imported from where they are defined."""
    register_node(Cut)
    stub = render_stub(class_factory({"name": "Tidy", "nodes": [{"name": "a", "class": "Cut"}]}))
    assert "from tests.unit.config.test_export import Line, Pieces\n" in stub
    assert "class Tidy(DynamicClassMediator[Line, Pieces]):\n" in stub
