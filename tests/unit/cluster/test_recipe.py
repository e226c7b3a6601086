"""Nodes as they travel: what they are made of, and what they are made into again."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import nanotyped
from nanotyped import ReadRows, SequenceEmitter, mysql_type
from nanotyped.cluster.recipe import (
    MOST_MODULE_BYTES,
    ModuleSource,
    SegmentRecipe,
    Versions,
    install_modules,
    make_nodes,
    module_sources,
    node_recipe,
    pack_nodes,
)
from nanotyped.cluster.tasks import check_worker
from nanotyped.errors import ClusterError
from tests.support import cluster_nodes
from tests.support.cluster_nodes import Append, Numbers, OnlyMultiples, Rejects

CODE = """
import pickle, sys
from nanotyped import mysql_type
from nanotyped.engine.fingerprint import digest_of
from nanotyped.cluster.recipe import make_nodes
found = pickle.load(open(sys.argv[1], "rb"))
read = found[0].options["output_schema"]
assert all(kind is mysql_type(text) for text, kind in read.items()), read
assert found[1].options["post_process_function"](3) is True
print(*(one.label for one in found))
"""
TYPES = ("varchar(5)", "decimal(12,2) unsigned", "enum('a','b')", "set('x')", "bigint unsigned", "datetime(3)", "json")


def recipe_of(*nodes: Any, **others: Any) -> SegmentRecipe:
    """Return the recipe of some nodes."""
    facts: dict[str, Any] = {
        "run_id": "run", "pipeline_name": None, "nodes": pack_nodes(nodes), "edges": (), "schemas": (),
        "returning": (), "sorting": (), "copies": 1, "grace_s": 1.0, "modules": (), "versions": Versions.here(),
        "topic": "run/0",
    }  # fmt: skip
    return SegmentRecipe(**{**facts, **others})


def test_nodes_are_made_again_of_their_options() -> None:
    """By place and by name, functions without a name too; of those that came, a generated name is kept."""
    given: list[Any] = [
        Numbers(7, name="numbers", group_rows=3),
        OnlyMultiples(2, post_process_function=lambda row: row),
        Rejects(3, max_errors=5, dead_letter=Path("x.jsonl"), name="rejects"),
    ]
    made: list[Any] = make_nodes(recipe_of(*given))
    assert [(type(node), node.label, node.has_given_name) for node in made] == [
        (type(node), node.label, node.has_given_name) for node in given
    ]
    assert (made[0].count, made[0].group_rows, made[1].of) == (7, 3, 2)
    assert made[2].error_policy == given[2].error_policy
    assert [(node.given_arguments, dict(node.given_options).keys()) for node in made] == [
        (node.given_arguments, dict(node.given_options).keys()) for node in given
    ]


def test_a_class_that_is_not_there_is_told_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its module is there, and is of another time."""
    recipe = recipe_of(Append("x", name="append"))
    monkeypatch.delattr(cluster_nodes, "Append")
    with pytest.raises(ClusterError) as caught:
        make_nodes(recipe)
    name = "tests.support.cluster_nodes"
    assert str(caught.value) == (
        f"node `append`: its class `{name}.Append` cannot be imported here: module '{name}' has no attribute 'Append';"
        f" install it on the workers, or send it with --module {name}"
    )


def test_a_class_that_is_another_one_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the same name and options, with another schema."""
    recipe = recipe_of(OnlyMultiples(2, name="multiples"))
    monkeypatch.setattr(OnlyMultiples, "output_schema", {"n": nanotyped.STRING})
    with pytest.raises(ClusterError) as caught:
        make_nodes(recipe)
    assert str(caught.value) == "node `multiples` is another one here: its class, its options or its schemas differ"


def test_an_option_of_a_module_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as a function that stands there."""
    (tmp_path / "functions_of_options.py").write_text("def same(row): return row\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    same = __import__("functions_of_options").same
    recipe = recipe_of(OnlyMultiples(2, post_process_function=same))
    monkeypatch.delitem(sys.modules, "functions_of_options")
    monkeypatch.setattr(sys, "path", sys.path[1:])
    with pytest.raises(ClusterError) as caught:
        make_nodes(recipe)
    assert str(caught.value) == (
        "what the nodes are made of cannot be read here: No module named 'functions_of_options'; install the module on"
        " the workers, or send it with --module"
    )


def test_a_recipe_tells_what_differs() -> None:
    """The digest of a node is that of its class, options and schemas."""
    assert node_recipe(OnlyMultiples(2)).digest == node_recipe(OnlyMultiples(2)).digest
    assert node_recipe(OnlyMultiples(of=2)).digest != node_recipe(OnlyMultiples(of=3)).digest


def test_versions_that_differ_are_told_all_at_once() -> None:
    """Of Python and of the package, the worker's first."""
    here = Versions.here()
    assert here.difference(here) == ""
    with pytest.raises(ClusterError) as caught:
        check_worker(recipe_of(OnlyMultiples(1), versions=Versions("2.7", "9.9.9")))
    assert str(caught.value) == (
        f"it has Python {here.python} where the coordinator has 2.7, nanotyped {here.nanotyped} where the coordinator"
        " has 9.9.9; all processes of a run must have the same"
    )
    assert here.difference(replace(here, nanotyped="9.9.9")) == (
        f"nanotyped 9.9.9 where the coordinator has {here.nanotyped}"
    )


def test_a_module_that_cannot_be_sent_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of C, and one that is too large; the same name is sent once."""
    with pytest.raises(ClusterError) as caught:
        module_sources(["math"])
    assert str(caught.value) == "module `math` has no Python file that could be sent to the workers"
    monkeypatch.setattr("nanotyped.cluster.recipe.MOST_MODULE_BYTES", 10)
    with pytest.raises(ClusterError) as caught:
        module_sources(["textwrap"])
    size = len(Path(textwrap.__file__).read_bytes())
    assert str(caught.value) == f"module `textwrap` has {size:,} bytes of Python; install it on the workers instead"
    assert MOST_MODULE_BYTES > 10


def test_modules_are_sent_by_their_outermost_package() -> None:
    """All of its Python files, once, by their paths."""
    [source] = module_sources(["tests.support.cluster", "tests.support"])
    assert source.name == "tests"
    assert source.files["tests/support/cluster_nodes.py"] == Path(cluster_nodes.__file__).read_bytes()
    assert all(path.startswith("tests/") and path.endswith(".py") for path in source.files)


def test_a_module_that_came_can_be_imported_and_the_same_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one of its name is refused."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    name = "module_that_came"
    try:
        for _ in range(2):
            install_modules([ModuleSource(name, {f"{name}/__init__.py": b"", f"{name}/of.py": b"X = 7\n"})])
            assert __import__(f"{name}.of").of.X == 7
        with pytest.raises(ClusterError) as caught:
            install_modules([ModuleSource(name, {f"{name}.py": b"X = 8\n"})])
    finally:
        sys.modules.pop(name, None)
        sys.modules.pop(f"{name}.of", None)
    assert str(caught.value) == (
        "module `module_that_came` is here already, and is another than the coordinator's; install the same, or none,"
        " and start the workers anew"
    )


def test_types_are_the_same_in_another_process(tmp_path: Path) -> None:
    """A copy of a type, though it looked the same, would be another one; and a lambda travels as its code."""
    read = ReadRows(name="read", path="a.csv", output_schema={text: mysql_type(text) for text in TYPES})
    keep = SequenceEmitter([1], name="keep", post_process_function=lambda value: value == 3)
    (tmp_path / "packed").write_bytes(pack_nodes([read, keep]))
    command = [sys.executable, "-c", CODE, str(tmp_path / "packed")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3])
    assert (done.stdout, done.stderr) == ("read keep\n", "")
