"""Schemas out of type arguments: what ``NanoNode[Customer, Invoice]`` or a Protocol with properties asks for."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from nanotyped.row.rows import Row
from nanotyped.row.schema import Column, Schema
from nanotyped.types.python import annotation_type


def type_arguments(cls: Any, base: type) -> tuple[Any, ...]:
    """Return the arguments that ``cls`` gives to the generic ``base``; a ``TypeVar`` where it leaves one open.

    Args:
        cls: The class, or one with arguments of its own (``Filter[Vip]``).
        base: A generic class above it.
    """
    if cls is base:
        return _parameters(base)
    if (origin := get_origin(cls)) is not None:
        given = dict(zip(_parameters(origin), get_args(cls), strict=False))
        inner = type_arguments(origin, base)
        return tuple(given.get(item, item) if isinstance(item, TypeVar) else item for item in inner)
    for entry in getattr(cls, "__orig_bases__", ()):
        origin = get_origin(entry)
        if isinstance(origin, type) and issubclass(origin, base):
            return type_arguments(entry, base)
    for parent in cls.__bases__:
        if parent is base:
            return tuple(_parameters(base))
        if issubclass(parent, base):
            return type_arguments(parent, base)
    return ()


def _parameters(cls: type) -> tuple[Any, ...]:
    return getattr(cls, "__parameters__", ())


def schema_of_type(argument: object) -> Schema | None:
    """Return the schema of a Row class or of a Protocol with read-only properties; ``None`` of anything else."""
    if not names_columns(argument):
        return None
    named: Any = argument
    return named.schema if issubclass(named, Row) else _schema_of_protocol(named)


def names_columns(argument: object) -> bool:
    """Return whether a type argument is a Row class or a Protocol, whatever its columns are."""
    if not isinstance(argument, type) or argument is Row:
        return False
    return issubclass(argument, Row) or bool(getattr(argument, "_is_protocol", False))


@lru_cache(maxsize=256)
def _schema_of_protocol(protocol: type) -> Schema | None:
    columns: dict[str, Column] = {}
    for base in reversed(protocol.__mro__):
        if not getattr(base, "_is_protocol", False):
            continue
        for name, member in base.__dict__.items():
            if isinstance(member, property) and member.fget is not None:
                hint = get_type_hints(member.fget, include_extras=True).get("return")
                kind, nullable = annotation_type(hint)
                columns[name] = Column(name, kind, nullable=nullable)
    return Schema(columns.values()) if columns else None
