"""Columns of Row classes and Protocols as their source declares them, for the plugin of mypy.

mypy keeps nothing of ``Annotated`` but the plain type, so annotations are read out of the source again. They are
spelled with full names, as text, because text is what mypy's cache keeps; ``made`` makes types of it. What a user's
module defines is read, not run.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

from nanotyped.mypy_plugin.made import KNOWN_MODULES, is_exported

Paths: TypeAlias = Callable[[str], "str | None"]
"""The file of a module, by its full name; ``None`` where it is none of the program's."""

_MOST_HOPS = 16
_TYPE_STATEMENT = re.compile(rb"^type[ \t]+(?P<name>[A-Za-z_]\w*)[ \t]*(?==(?!=))(?s:.)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Declaration:
    """One column of a class: its name, where it stands, its annotation, ``None`` where it cannot be read; its field."""

    name: str
    line: int
    annotation: str | None
    field: str


@lru_cache(maxsize=512)
def _parse(path: str, changed_ns: int) -> tuple[ast.Module, Mapping[str, _Binding]]:  # noqa: ARG001 - part of the key
    # mypy may read the statement where this Python does not yet; what it says is what an assignment says.
    tree = ast.parse(_TYPE_STATEMENT.sub(rb"\g<name> =", Path(path).read_bytes()))
    return tree, dict(_bindings(tree.body))


@dataclass(frozen=True, slots=True)
class _Binding:
    """What a name of a module stands for: a module, a name of another module, or an expression.

    A name of ``*`` stands for all names of the other module; it is kept under one that no name can be.
    """

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
                    shown = alias.asname or (alias.name if alias.name != "*" else f"*{level} {module}")
                    yield shown, _Binding(module or "", alias.name, level)
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
        binding = self._binding(first)
        if hops > _MOST_HOPS:
            return None
        if binding is None:
            return f"builtins.{first}" if hasattr(builtins, first) and not rest else None
        if binding.value is not None:
            found = self.annotation(binding.value, hops + 1)
            return _joined(".".join(["{}", *rest]), [found])
        path = [*self._absolute(binding).split("."), *([binding.name] if binding.name else []), *rest]
        if path[0] == "nanotyped" or path[0] in KNOWN_MODULES:
            return ".".join(path)
        if path[0] == "typing_extensions":
            return ".".join(["typing", *path[1:]])
        for length in range(len(path) - 1, 0, -1):
            module = ".".join(path[:length])
            if self._paths(module) is not None:
                return Speller(module, self._paths)._named(path[length:], hops + 1)
        return None

    def _binding(self, name: str, seen: frozenset[str] = frozenset()) -> _Binding | None:
        """Return what a name stands for, here or in a module of which all names are imported; the last one wins."""
        if name in self._names:
            return self._names[name]
        stars = [self._absolute(binding) for binding in self._names.values() if binding.name == "*"]
        exporter = next((module for module in reversed(stars) if self._exports(module, name, seen)), None)
        return _Binding(exporter, name) if exporter is not None else None

    def _exports(self, module: str, name: str, seen: frozenset[str]) -> bool:
        """Return whether ``import *`` takes a name out of a module."""
        known = module.replace("typing_extensions", "typing")
        if known.partition(".")[0] in {"nanotyped", *KNOWN_MODULES}:
            return is_exported(known, name)
        if module in seen or self._paths(module) is None:
            return False
        other = Speller(module, self._paths)
        match other._names.get("__all__"):
            case None:
                return not name.startswith("_") and other._binding(name, seen | {self._module, module}) is not None
            case _Binding(value=ast.List(items) | ast.Tuple(items)):
                return name in map(_text_of, items)
            case _:
                return False

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

    def columns_of_schema(self, node: ast.expr, hops: int = 0) -> list[tuple[str, str | None]] | None:
        """Return the columns of a schema that is a literal, and the texts that spell their types.

        ``None`` where it is none: it is a mapping, ``Schema([Column(…), …])`` or a name for one of these.
        """
        match node:
            case ast.Dict(keys, values):
                names = [_text_of(key) for key in keys]
                found = [(name, self._declared(value)) for name, value in zip(names, values, strict=True) if name]
                return found if len(found) == len(names) else None
            case ast.Call(function, [argument], []) if self._calls(function, "parse_schema"):
                return self.columns_of_schema(argument, hops)
            case ast.Call(function, [ast.List(items) | ast.Tuple(items)], []) if self._calls(function, "Schema"):
                columns = [self._column(item) for item in items]
                return None if None in columns else [column for column in columns if column is not None]
            case ast.Name(name) if hops < _MOST_HOPS and (binding := self._binding(name)) is not None:
                if binding.value is not None:
                    return self.columns_of_schema(binding.value, hops + 1)
                module = self._absolute(binding)
                if not binding.name or self._paths(module) is None:
                    return None
                return Speller(module, self._paths).columns_of_schema(ast.Name(binding.name), hops + 1)
            case _:
                return None

    def _calls(self, function: ast.expr, name: str) -> bool:
        called = self._reference(function, 0) or ""
        return called.startswith("nanotyped.") and called.rpartition(".")[2] == name

    def _declared(self, node: ast.expr) -> str | None:
        return ast.unparse(node) if _text_of(node) is not None else self._value(node, 0)

    def _column(self, node: ast.expr) -> tuple[str, str | None] | None:
        """Return name and type of ``Column("id", INTEGER, nullable=True)``."""
        if not isinstance(node, ast.Call) or not self._calls(node.func, "Column"):
            return None
        given = dict(zip(("name", "type", "nullable", "key"), node.args, strict=False))
        given |= {word.arg: word.value for word in node.keywords if word.arg is not None}
        name, kind = _text_of(given.get("name")), given.get("type")
        if name is None or kind is None:
            return None
        spelled = self._value(kind, 0)
        match given.get("nullable", ast.Constant(value=False)):
            case ast.Constant(bool() as nullable):
                return name, _joined("{}.nullable()", [spelled]) if nullable else spelled
            case _:
                return name, None

    def class_attribute(self, cls: ast.ClassDef, name: str) -> ast.expr | None:
        """Return what a class assigns to an attribute in its body."""
        return next((binding.value for shown, binding in _bindings(cls.body) if shown == name), None)

    def attributes_set_in_methods(self, cls: ast.ClassDef) -> set[str]:
        """Return the attributes of ``self`` that methods of a class assign to."""
        return {
            node.attr
            for node in ast.walk(cls)
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self"
        }

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


def _text_of(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _name_given(default: ast.expr | None) -> str | None:
    """Return the name that ``= column(name="…")`` gives."""
    if isinstance(default, ast.Call):
        for word in default.keywords:
            if word.arg == "name":
                return _text_of(word.value)
    return None
