from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

import pytest

from nanotyped import registry
from nanotyped.node import NanoNode
from nanotyped.registry import (
    ModuleLoadError,
    RegistrationError,
    UnknownNameError,
    find_function,
    find_node_class,
    load_module,
    register_function,
    register_node,
    registered_nodes,
    temporary_registry,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def empty_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry in which nothing is, and no plug-ins."""
    monkeypatch.setattr(registry, "_current", [registry._Registry()])
    monkeypatch.setattr(registry, "entry_points", lambda group: [])


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that modules are imported from, and forgotten afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


class Mill(NanoNode[Any, Any]):
    pass


def other_mill() -> type[NanoNode[Any, Any]]:
    """Return another class of the name ``Mill``."""

    class Mill(NanoNode[Any, Any]):
        pass

    return Mill


def test_a_class_is_found_by_its_own_name() -> None:
    """A class registers by its name and comes back as it was."""
    assert register_node(Mill) is Mill
    assert find_node_class("Mill") is Mill


def test_a_class_is_found_by_the_name_it_is_given() -> None:
    """A name that is given stands in the place of the class's own."""
    assert register_node("Grinder")(Mill) is Mill
    assert dict(registered_nodes()) == {"Grinder": Mill}


def test_registering_a_class_again_changes_nothing() -> None:
    """The same class under the same name is no clash."""
    register_node(Mill)
    register_node(Mill)
    assert dict(registered_nodes()) == {"Mill": Mill}


def test_two_classes_under_one_name_are_refused() -> None:
    """The message names both classes in full, and the first stays."""
    register_node(Mill)
    with pytest.raises(RegistrationError) as caught:
        register_node(other_mill())
    here = "tests.unit.test_registry"
    assert str(caught.value) == (
        f"two node classes bear the name `Mill`: {here}.Mill and {here}.other_mill.<locals>.Mill"
    )
    assert find_node_class("Mill") is Mill


def test_what_is_no_class_is_refused() -> None:
    """A node is registered by its class, not by an instance."""
    wrong: Any = 5
    with pytest.raises(RegistrationError) as caught:
        register_node(wrong)
    assert str(caught.value) == "only a class can be registered as a node, not 5"


def test_an_unknown_class_gets_the_nearest_name() -> None:
    """The message names what was asked for and the nearest name; both survive pickling."""
    register_node(Mill)
    with pytest.raises(UnknownNameError) as caught:
        find_node_class("Mil")
    assert str(caught.value) == "no node class is registered as `Mil`; did you mean `Mill`?"
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_temporary_registry_forgets() -> None:
    """What is registered in the block is gone after it; what was there before stays."""
    register_node(Mill)
    with temporary_registry():
        register_node("Other")(Mill)
        assert list(registered_nodes()) == ["Mill", "Other"]
    assert list(registered_nodes()) == ["Mill"]


def test_plugins_are_loaded_on_first_use(modules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry point that is a module registers its nodes, one that is a class is registered by the entry's name."""
    (modules / "plugin_of_nodes.py").write_text(
        "from nanotyped.node import NanoNode\n"
        "from nanotyped.registry import register_node\n"
        "@register_node\n"
        "class Hopper(NanoNode): pass\n"
        "class Sieve(NanoNode): pass\n"
    )
    group = registry.ENTRY_POINT_GROUP
    points = [EntryPoint("hoppers", "plugin_of_nodes", group), EntryPoint("Riddle", "plugin_of_nodes:Sieve", group)]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    assert "plugin_of_nodes" not in sys.modules
    assert list(registered_nodes()) == ["Hopper", "Riddle"]


def test_a_broken_plugin_takes_no_other_along(modules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plug-in that fails to import is named when a class is not found, and hinders nothing else."""
    (modules / "broken_plugin.py").write_text("1 / 0\n")
    points = [EntryPoint("mills", "broken_plugin", registry.ENTRY_POINT_GROUP)]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    register_node(Mill)
    assert find_node_class("Mill") is Mill
    with pytest.raises(UnknownNameError) as caught:
        find_node_class("Zebra")
    assert str(caught.value) == (
        "no node class is registered as `Zebra`"
        " (the plug-in `mills` could not be loaded: ZeroDivisionError: division by zero)"
    )


def test_functions_are_found_by_registered_name_and_casts_always() -> None:
    """`int float str bool` need no registration; every other function does."""

    @register_function
    def halve(value: float) -> float:
        return value / 2

    register_function("third")(halve)
    assert [find_function(name) for name in ("int", "bool", "halve", "third")] == [int, bool, halve, halve]
    with pytest.raises(UnknownNameError) as caught:
        find_function("os__system")
    assert str(caught.value) == "no function is registered as `os__system`"


def test_a_function_cannot_take_the_name_of_a_cast() -> None:
    """`int` stays the cast, whatever is registered."""
    with pytest.raises(RegistrationError) as caught:
        register_function("int")(round)
    assert str(caught.value) == "two functions bear the name `int`: builtins.int and builtins.round"


def test_functions_of_a_named_module_are_found_but_not_what_it_imports(modules: Path) -> None:
    """A module that the operator names offers the public functions that it defines, and nothing that it uses."""
    (modules / "mill_tools.py").write_text(
        "import os\nfrom os import system\ndef halve(n): return n / 2\ndef _hidden(n): return n\n"
    )
    with pytest.raises(UnknownNameError):
        find_function("mill_tools__halve")
    module: Any = load_module("mill_tools")
    assert find_function("mill_tools__halve") is module.halve
    for name in ("mill_tools__system", "mill_tools__os", "mill_tools___hidden", "mill_tools__os__system"):
        with pytest.raises(UnknownNameError):
            find_function(name)


def test_a_file_name_is_no_module() -> None:
    """Who gives a file is told the name of its module."""
    with pytest.raises(ModuleLoadError) as caught:
        load_module("lib/mills.py")
    assert str(caught.value) == (
        "module `lib/mills.py`: give the name of a module, not of a file; did you mean `lib.mills`?"
    )


def test_a_module_that_is_not_there_says_where_it_was_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message lists the folders that were searched."""
    monkeypatch.setattr(sys, "path", ["", "/lib/mills"])
    with pytest.raises(ModuleLoadError) as caught:
        load_module("no_such_mill")
    assert str(caught.value) == "module `no_such_mill`: there is none; looked in the working directory, /lib/mills"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import no_such_mill", "No module named 'no_such_mill'"),
    ],
)
def test_a_module_that_fails_to_import_says_why(modules: Path, text: str, reason: str) -> None:
    """The error of the module itself is in the message."""
    (modules / "bad_mill.py").write_text(text)
    with pytest.raises(ModuleLoadError) as caught:
        load_module("bad_mill")
    assert str(caught.value) == f"module `bad_mill`: it failed to import: {reason}"
