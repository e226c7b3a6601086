"""Columns of Row classes and Protocols as their source declares them, for the plugin of mypy.

mypy keeps nothing of ``Annotated`` but the plain type, so annotations are read out of the source again. They are
spelled with full names, as text, because text is what mypy's cache keeps; what the text means is made by the code that
reads annotations at run time. Only nanotyped and a few modules of the standard library are ever imported for that: what
a user's module defines is read, not run.
"""

from __future__ import annotations

import ast
import builtins
import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

from nanotyped.errors import TypeSyntaxError
from nanotyped.row.schema import Column
from nanotyped.types.base import DataSourceTypeSystem, DataType
from nanotyped.types.mysql import mysql_type
from nanotyped.types.python import annotation_type

Paths: TypeAlias = Callable[[str], "str | None"]
"""The file of a module, by its full name; ``None`` where it is none of the program's."""

_KNOWN_MODULES = frozenset({"builtins", "datetime", "decimal", "ipaddress", "typing", "types", "uuid"})
_MAKERS = frozenset({"nullable", "of", "type_mapping", "under"})
_MOST_HOPS = 16


@dataclass(frozen=True, slots=True)
class Declaration:
    """One column of a class: its name, where it stands, its annotation, ``None`` where it cannot be read; its field."""

    name: str
    line: int
    annotation: str | None
    field: str


@lru_cache(maxsize=512)
def _parse(path: str, changed_ns: int) -> tuple[ast.Module, Mapping[str, _Binding]]:  # noqa: ARG001 - part of the key
    tree = ast.parse(Path(path).read_bytes())
    return tree, dict(_bindings(tree.body))


@dataclass(frozen=True, slots=True)
class _Binding:
    """What a name of a module stands for: a module, a name of another module, or an expression."""

    module: str = ""
    name: str = ""
    level: int = 0
    value: ast.expr | None = None


def _bindings(body: list[ast.stmt]) -> Iterator[tuple[str, _Binding]]:
    for statement in body:
        match statement:
            case ast.Import(names):
                for alias in names:
                    shown = alias.asname or alias.name.partition(".")[0]
                    yield shown, _Binding(alias.name if alias.asname else shown)
            case ast.ImportFrom(module, names, level):
                for alias in names:
                    yield alias.asname or alias.name, _Binding(module or "", alias.name, level)
            case ast.Assign(targets=[ast.Name(name)], value=value):
                yield name, _Binding(value=value)
            case ast.AnnAssign(target=ast.Name(name), value=ast.expr() as value):
                yield name, _Binding(value=value)
            case ast.If(body=then, orelse=otherwise):
                yield from _bindings(otherwise)
                yield from _bindings(then)
            case ast.Try(body=then):
                yield from _bindings(then)
            case _:
                pass


def read_source(path: str) -> tuple[ast.Module, Mapping[str, _Binding]] | None:
    """Return the tree of a file and what the names of its module stand for; ``None`` where it is no file of Python."""
    file = Path(path)
    if not file.is_file():
        return None
    try:
        return _parse(path, file.stat().st_mtime_ns)
    except SyntaxError:  # mypy says so itself
        return None


class Speller:
    """Spells annotations of one module with full names.

    Args:
        module: Its full name.
        paths: Where modules are.
    """

    def __init__(self, module: str, paths: Paths) -> None:
        self._module = module
        self._paths = paths
        path = paths(module)
        found = read_source(path) if path is not None else None
        self.tree, self._names = found if found is not None else (ast.Module([], []), {})
        self._is_package = path is not None and Path(path).stem == "__init__"

    def annotation(self, node: ast.expr, hops: int = 0) -> str | None:
        """Return an annotation as text with full names; ``None`` where part of it cannot be read."""
        match node:
            case ast.Constant(str() as text):
                try:
                    return self.annotation(ast.parse(text, mode="eval").body, hops)
                except SyntaxError:  # mypy says so itself
                    return None
            case ast.Subscript(base, ast.Tuple([inner, *extras])) if self._reference(base, hops) == "typing.Annotated":
                return self._annotated(self.annotation(inner, hops), extras, hops)
            case ast.Subscript(base, inner):
                items = inner.elts if isinstance(inner, ast.Tuple) else [inner]
                return _joined("{}[{}]", [self._reference(base, hops), self._list(items, self.annotation, hops)])
            case ast.BinOp(left, ast.BitOr(), right):
                return _joined("{} | {}", [self.annotation(left, hops), self.annotation(right, hops)])
            case _:
                return self._value(node, hops)

    def _annotated(self, inner: str | None, extras: list[ast.expr], hops: int) -> str | None:
        """Return the text of ``Annotated``; what others put in it is left out, if a type is there as well."""
        spelled = [self._value(extra, hops) for extra in extras]
        kept = [text for text in spelled if text is not None]
        if None in spelled and not any(text.startswith("nanotyped.") for text in kept):
            return None
        return _joined("typing.Annotated[{}, {}]", [inner, ", ".join(kept)])

    def _value(self, node: ast.expr, hops: int) -> str | None:
        match node:
            case ast.Constant():
                return ast.unparse(node)
            case ast.List(items) | ast.Tuple(items):
                return _joined("[{}]", [self._list(items, self._value, hops)])
            case ast.Call(function, arguments, keywords):
                called = self._value(function, hops)
                if called is None or not called.startswith("nanotyped."):
                    return None
                named = [_joined("{}={}", [word.arg, self._value(word.value, hops)]) for word in keywords]
                given = [*(self._value(argument, hops) for argument in arguments), *named]
                return None if None in given else f"{called}({', '.join(text for text in given if text is not None)})"
            case ast.Attribute(ast.Call() as made, name):
                return _joined("{}." + name, [self._value(made, hops)])
            case _:
                return self._reference(node, hops)

    def _list(self, items: list[ast.expr], spell: Callable[[ast.expr, int], str | None], hops: int) -> str | None:
        texts = [spell(item, hops) for item in items]
        return None if None in texts else ", ".join(text for text in texts if text is not None)

    def _reference(self, node: ast.expr, hops: int) -> str | None:
        """Return what a name, with or without dots, stands for."""
        names: list[str] = []
        while isinstance(node, ast.Attribute):
            names.insert(0, node.attr)
            node = node.value
        return self._named([node.id, *names], hops) if isinstance(node, ast.Name) else None

    def _named(self, names: list[str], hops: int) -> str | None:
        first, *rest = names
        binding = self._names.get(first)
        if hops > _MOST_HOPS:
            return None
        if binding is None:
            return f"builtins.{first}" if hasattr(builtins, first) and not rest else None
        if binding.value is not None:
            found = self.annotation(binding.value, hops + 1)
            return _joined(".".join(["{}", *rest]), [found])
        path = [*self._absolute(binding).split("."), *([binding.name] if binding.name else []), *rest]
        if path[0] == "nanotyped" or path[0] in _KNOWN_MODULES:
            return ".".join(path)
        if path[0] == "typing_extensions":
            return ".".join(["typing", *path[1:]])
        for length in range(len(path) - 1, 0, -1):
            module = ".".join(path[:length])
            if self._paths(module) is not None:
                return Speller(module, self._paths)._named(path[length:], hops + 1)
        return None

    def _absolute(self, binding: _Binding) -> str:
        if not binding.level:
            return binding.module
        parts = self._module.split(".")
        parts = parts[: len(parts) - binding.level + self._is_package]
        return ".".join([*parts, *([binding.module] if binding.module else [])])

    def columns_of_row(self, cls: ast.ClassDef) -> list[Declaration]:
        """Return the columns that a Row class itself declares."""
        found = []
        for statement in cls.body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                text = ast.unparse(statement.annotation)
                if text.partition("[")[0].rpartition(".")[2].strip("'\"") != "ClassVar":
                    name = _name_given(statement.value) or statement.target.id
                    annotation = self.annotation(statement.annotation)
                    found.append(Declaration(name, statement.lineno, annotation, statement.target.id))
        return found

    def columns_of_protocol(self, cls: ast.ClassDef) -> list[Declaration]:
        """Return the columns that the properties of a Protocol ask for."""
        return [
            Declaration(method.name, method.lineno, self.annotation(method.returns), method.name)
            for method in cls.body
            if isinstance(method, ast.FunctionDef)
            and method.returns is not None
            and any(ast.unparse(decorator) == "property" for decorator in method.decorator_list)
        ]

    def class_at(self, name: str, line: int) -> ast.ClassDef | None:
        """Return the class of a name that stands at a line, or whose decorators begin there."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ClassDef) and node.name == name:
                lines = [node.lineno, *(decorator.lineno for decorator in node.decorator_list)]
                if min(lines) <= line <= node.lineno:
                    return node
        return None

    def imported_modules(self) -> set[str]:
        """Return the modules whose names annotations may take, by the statements ``from … import``."""
        return {self._absolute(binding) for binding in self._names.values() if binding.value is None} - {self._module}

    def aliases(self) -> str:
        """Return the expressions that names of the module stand for, as text: what a change of an alias changes."""
        values = {name: ast.unparse(found.value) for name, found in self._names.items() if found.value is not None}
        return repr(sorted(values.items()))


def _joined(form: str, parts: list[str | None]) -> str | None:
    return None if None in parts else form.format(*parts)


def _name_given(default: ast.expr | None) -> str | None:
    """Return the name that ``= column(name="…")`` gives."""
    if isinstance(default, ast.Call):
        for word in default.keywords:
            if word.arg == "name" and isinstance(word.value, ast.Constant) and isinstance(word.value.value, str):
                return word.value.value
    return None


@lru_cache(maxsize=4096)
def column_of(name: str, annotation: str) -> Column | None:
    """Return the column that a spelled annotation declares; ``None`` where it is none of this package's types.

    Raises:
        TypeSyntaxError: If it spells a type that there is not.
    """
    try:
        kind, nullable = annotation_type(_made(ast.parse(annotation, mode="eval").body))
    except TypeSyntaxError:
        raise
    except (AttributeError, ImportError, TypeError, ValueError):
        return None  # the class itself says so when it is made; here nothing is known of the column
    return Column(name, kind, nullable=nullable)


def _made(node: ast.expr) -> Any:
    """Return what an expression of full names stands for."""
    match node:
        case ast.Constant(value):
            return value
        case ast.UnaryOp(ast.USub(), operand):
            return -_made(operand)
        case ast.List(items):
            return [_made(item) for item in items]
        case ast.BinOp(left, ast.BitOr(), right):
            return _made(left) | _made(right)
        case ast.Subscript(base, inner):
            given = tuple(_made(item) for item in inner.elts) if isinstance(inner, ast.Tuple) else _made(inner)
            return _made(base)[given]
        case ast.Call(function, arguments, keywords):
            named = {word.arg: _made(word.value) for word in keywords if word.arg is not None}
            maker = _made(function)
            if not _makes_types(maker):
                raise TypeError(f"`{ast.unparse(function)}` makes no types")
            return maker(*(_made(argument) for argument in arguments), **named)
        case ast.Attribute(ast.Call() as made, name):
            return getattr(_made(made), name)
        case ast.Attribute():
            return _known(ast.unparse(node))
        case _:
            raise TypeError(f"`{ast.unparse(node)}` is nothing that an annotation of a column holds")


def _known(dotted: str) -> Any:
    """Return what a full name stands for in nanotyped or in one of the known modules.

    Raises:
        ImportError: If it is in no module that is imported here.
        AttributeError: If there is no such thing.
    """
    root, *names = dotted.split(".")
    if root not in _KNOWN_MODULES | {"nanotyped"}:
        raise ImportError(f"`{dotted}` is in no module that annotations of columns are read from")
    found: Any = importlib.import_module(root)
    for name in names:
        if isinstance(found, ModuleType) and found.__name__.startswith("nanotyped") and not hasattr(found, name):
            found = importlib.import_module(f"{found.__name__}.{name}")
        else:
            found = getattr(found, name)
    return found


def _makes_types(function: object) -> bool:
    """Return whether a function is one that makes types of texts and numbers, and does nothing else."""
    owner = getattr(function, "__self__", None)
    is_of_type = isinstance(owner, type) and issubclass(owner, (DataType, DataSourceTypeSystem))
    return function is mysql_type or (is_of_type and getattr(function, "__name__", "") in _MAKERS)
