"""Columns out of texts that spell them with full names, by the code that reads annotations at run time.

Only nanotyped and a few modules of the standard library are ever imported for that, and what makes types alone called.
"""

from __future__ import annotations

import ast
import importlib
from functools import lru_cache
from types import ModuleType
from typing import Any

from nanotyped.errors import TypeSyntaxError
from nanotyped.row.schema import Column, parse_column
from nanotyped.types.base import DataSourceTypeSystem, DataType
from nanotyped.types.mysql import mysql_type
from nanotyped.types.python import annotation_type

KNOWN_MODULES = frozenset({"builtins", "datetime", "decimal", "ipaddress", "typing", "types", "uuid"})
_MAKERS = frozenset({"nullable", "of", "type_mapping", "under"})


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


@lru_cache(maxsize=4096)
def declared_column(name: str, text: str) -> Column | None:
    """Return the column that a schema declares, whose type a text spells; ``None`` where it says nothing to be read.

    Raises:
        TypeSyntaxError: If it spells a type that there is not.
    """
    try:
        return parse_column(name, _made(ast.parse(text, mode="eval").body))
    except TypeSyntaxError:
        raise
    except (AttributeError, ImportError, TypeError, ValueError):
        return None  # as above


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
    if root not in KNOWN_MODULES | {"nanotyped"}:
        raise ImportError(f"`{dotted}` is in no module that annotations of columns are read from")
    found: Any = importlib.import_module(root)
    for name in names:
        if isinstance(found, ModuleType) and found.__name__.startswith("nanotyped") and not hasattr(found, name):
            found = importlib.import_module(f"{found.__name__}.{name}")
        else:
            found = getattr(found, name)
    return found


def is_exported(module: str, name: str) -> bool:
    """Return whether ``import *`` takes a name out of nanotyped or one of the known modules."""
    try:
        found = importlib.import_module(module)
    except ImportError:  # mypy says so itself
        return False
    listed: list[str] | None = getattr(found, "__all__", None)
    return name in listed if listed is not None else not name.startswith("_") and hasattr(found, name)


def _makes_types(function: object) -> bool:
    """Return whether a function is one that makes types of texts and numbers, and does nothing else."""
    owner = getattr(function, "__self__", None)
    is_of_type = isinstance(owner, type) and issubclass(owner, (DataType, DataSourceTypeSystem))
    return function is mysql_type or (is_of_type and getattr(function, "__name__", "") in _MAKERS)
