"""The names that YAML may use: node classes and functions, each registered by code.

A name gets here in one of three ways: a module that is imported anyway registers it (the built-in nodes do), an
installed package offers it in the entry-point group ``nanotyped.nodes``, or the operator names a module
(``load_module``, the command line's ``--module``). Text in a file never leads to an import.
"""

from __future__ import annotations

import importlib
import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, overload

from nanotyped.errors import NanotypedError, nearest_hint

if TYPE_CHECKING:
    from nanotyped.node import NanoNode

NodeClass: TypeAlias = "type[NanoNode[Any, Any]]"
Function: TypeAlias = Callable[..., Any]
C = TypeVar("C", bound="type[NanoNode[Any, Any]]")
F = TypeVar("F", bound=Function)

ENTRY_POINT_GROUP = "nanotyped.nodes"
CASTS: Mapping[str, Function] = MappingProxyType({"int": int, "float": float, "str": str, "bool": bool})


class RegistrationError(NanotypedError, ValueError):
    """A name that cannot be given: something else bears it, or what is to bear it is of the wrong kind.

    Attributes:
        name: The name.
    """

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        super().__init__(reason)


class UnknownNameError(NanotypedError, LookupError):
    """A name that nothing is registered under.

    Attributes:
        name: The name.
        hint: The nearest name that is known, as a question; ``""`` where none is near.
    """

    def __init__(self, name: str, reason: str, hint: str) -> None:
        self.name = name
        self.hint = hint
        super().__init__(f"{reason}; {hint}" if hint else reason)

    def __str__(self) -> str:
        """Render the text as it is (a ``LookupError`` would quote it)."""
        return str(self.args[0])


class ModuleLoadError(NanotypedError, ImportError):
    """A module that the operator named and that cannot be imported; its own error is the ``__cause__``.

    Attributes:
        module: The module as it was named.
    """

    def __init__(self, module: str, reason: str) -> None:
        self.module = module
        super().__init__(f"module `{module}`: {reason}")


@dataclass(slots=True)
class _Registry:
    nodes: dict[str, NodeClass] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    modules: dict[str, ModuleType] = field(default_factory=dict)
    plugins_loaded: bool = False
    plugin_failures: list[str] = field(default_factory=list)

    def copy(self) -> _Registry:
        return _Registry(
            dict(self.nodes),
            dict(self.functions),
            dict(self.modules),
            self.plugins_loaded,
            list(self.plugin_failures),
        )


_current = [_Registry()]
# Loading a plug-in registers its nodes, in the same thread: hence re-entrant.
_lock = threading.RLock()


@contextmanager
def temporary_registry() -> Iterator[None]:
    """Forget, after the block, every name that was registered in it. For tests."""
    with _lock:
        _load_plugins()  # a module registers its nodes once, when it is first imported: not in here
        _current.append(_current[-1].copy())
    try:
        yield
    finally:
        with _lock:
            _current.pop()


# -- nodes -----------------------------------------------------------------------


@overload
def register_node(given: C, /) -> C: ...
@overload
def register_node(given: str, /) -> Callable[[C], C]: ...
def register_node(given: C | str, /) -> C | Callable[[C], C]:
    """Make a node class known to YAML: ``@register_node``, or ``@register_node("OtherName")``.

    Args:
        given: The class, which is registered by its ``__name__``; or the name for the class that follows.

    Raises:
        RegistrationError: If another class bears the name, or this is no class.
    """
    if not isinstance(given, str):
        return _add_node(getattr(given, "__name__", repr(given)), given)
    name = given
    return lambda cls: _add_node(name, cls)


def _add_node(name: str, cls: C) -> C:
    if not isinstance(cls, type):
        raise RegistrationError(name, f"only a class can be registered as a node, not {cls!r}")
    with _lock:
        nodes = _current[-1].nodes
        known = nodes.setdefault(name, cls)
    if known is not cls:
        raise RegistrationError(
            name, f"two node classes bear the name `{name}`: {_full_name(known)} and {_full_name(cls)}"
        )
    return cls


def find_node_class(name: str) -> NodeClass:
    """Return the node class that is registered under ``name``; the first call loads the plug-ins.

    Raises:
        UnknownNameError: If there is none; names the nearest, and plug-ins that could not be loaded.
    """
    known = registered_nodes()
    if name in known:
        return known[name]
    reason = f"no node class is registered as `{name}`"
    failures = _current[-1].plugin_failures
    if failures:
        reason += f" ({'; '.join(failures)})"
    raise UnknownNameError(name, reason, nearest_hint(name, known))


def registered_nodes() -> Mapping[str, NodeClass]:
    """Return every node class by its name, plug-ins included, sorted; a copy."""
    with _lock:
        _load_plugins()
        return MappingProxyType(dict(sorted(_current[-1].nodes.items())))


def _load_plugins() -> None:
    registry = _current[-1]
    if registry.plugins_loaded:
        return
    registry.plugins_loaded = True
    for entry_point in entry_points(group=ENTRY_POINT_GROUP):
        try:
            _load_plugin(entry_point)
        except Exception as error:  # noqa: BLE001 - a broken plug-in may raise anything, and must not take the others along
            registry.plugin_failures.append(
                f"the plug-in `{entry_point.name}` could not be loaded: {type(error).__name__}: {error}"
            )


def _load_plugin(entry_point: EntryPoint) -> None:
    """Load what an entry point names: a node class, or a module that registers some."""
    loaded = entry_point.load()
    if isinstance(loaded, type) and loaded not in _current[-1].nodes.values():
        _add_node(entry_point.name, loaded)


# -- functions -------------------------------------------------------------------


@overload
def register_function(given: F, /) -> F: ...
@overload
def register_function(given: str, /) -> Callable[[F], F]: ...
def register_function(given: F | str, /) -> F | Callable[[F], F]:
    """Make a function known to YAML: ``@register_function``, or ``@register_function("other_name")``.

    Raises:
        RegistrationError: If another function bears the name, or this cannot be called.
    """
    if not isinstance(given, str):
        return _add_function(getattr(given, "__name__", repr(given)), given)
    name = given
    return lambda function: _add_function(name, function)


def _add_function(name: str, function: F) -> F:
    if not callable(function):
        raise RegistrationError(name, f"only what can be called can be registered as a function, not {function!r}")
    with _lock:
        known = CASTS.get(name) or _current[-1].functions.setdefault(name, function)
    if known is not function:
        raise RegistrationError(
            name, f"two functions bear the name `{name}`: {_full_name(known)} and {_full_name(function)}"
        )
    return function


def find_function(name: str) -> Function:
    """Return a function that YAML may name.

    These are the casts ``int float str bool``, what ``register_function`` was given, and, spelled
    ``package__module__function``, the public functions that a module named by the operator itself defines.

    Raises:
        UnknownNameError: If there is none; names the nearest.
    """
    with _lock:
        _load_plugins()
        functions = {**CASTS, **_current[-1].functions}
        modules = dict(_current[-1].modules)
    found = functions.get(name) or _function_of_module(name, modules)
    if found is None:
        raise UnknownNameError(name, f"no function is registered as `{name}`", nearest_hint(name, functions))
    return found


def function_names() -> tuple[str, ...]:
    """Return the casts and every name that ``register_function`` was given."""
    with _lock:
        _load_plugins()
        return (*CASTS, *_current[-1].functions)


def _function_of_module(name: str, modules: Mapping[str, ModuleType]) -> Function | None:
    prefix, _, function_name = name.rpartition("__")
    module = modules.get(prefix.replace("__", "."))
    if module is None or function_name.startswith("_"):
        return None
    found = getattr(module, function_name, None)
    # What the module merely imported (`os.system`) is not its own, and stays out of reach of a file.
    defined_in = str(getattr(found, "__module__", ""))
    is_own = defined_in == module.__name__ or defined_in.startswith(f"{module.__name__}.")
    return found if callable(found) and is_own else None


# -- modules of the operator -------------------------------------------------------


def load_module(name: str) -> ModuleType:
    """Import a module that the operator names, for the nodes that it registers and the functions that it defines.

    Args:
        name: Its dotted name.

    Raises:
        ModuleLoadError: If it is no dotted name, or cannot be imported.
    """
    if not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*", name) or name.endswith(".py"):
        stem = re.sub(r"\.py$", "", name).replace("/", ".").strip(".")
        raise ModuleLoadError(name, f"give the name of a module, not of a file; did you mean `{stem}`?")
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            raise ModuleLoadError(name, f"there is none; looked in {', '.join(_search_path())}") from error
        raise ModuleLoadError(name, f"it failed to import: {error}") from error
    except (Exception, SystemExit) as error:
        raise ModuleLoadError(name, f"it failed to import: {type(error).__name__}: {error}") from error
    with _lock:
        _current[-1].modules[name] = module
    return module


def _search_path() -> list[str]:
    return [entry or "the working directory" for entry in sys.path if not entry.endswith(".zip")]


def _full_name(thing: object) -> str:
    return f"{getattr(thing, '__module__', '?')}.{getattr(thing, '__qualname__', thing)}"
