"""Whether ``process_item`` takes the rows that its class says it needs; asked when the class is made."""

from __future__ import annotations

import inspect
from types import FunctionType, SimpleNamespace
from typing import Any, get_type_hints

from nanotyped.row import Row
from nanotyped.row.declared import schema_of_type
from nanotyped.row.schema import check_schema


def validate_parameter(cls: type, needed: object) -> None:
    """Hold the parameter of ``process_item`` that a class itself defines to what the class needs.

    Only Row classes and Protocols are compared: with ``key`` a node sees something else than its rows. So is nothing
    that is not known yet when the class is made; checkers look at that too.

    Args:
        cls: The class of nodes.
        needed: What it needs: a Row class or a Protocol; anything else takes any parameter.

    Raises:
        TypeError: If the rows that come are not what the parameter says.
    """
    method = cls.__dict__.get("process_item")
    if not isinstance(method, FunctionType) or not isinstance(needed, type):
        return
    names = [*inspect.signature(method).parameters][1:]
    said = _annotation(method, names[0]) if names else None
    if not _has_columns(said) or not _has_columns(needed) or said is needed:
        return
    assert isinstance(said, type)
    reason = _misfit(needed, said)
    if reason:
        raise TypeError(
            f"{cls.__name__}.process_item takes `{names[0]}: {said.__name__}`, but the class needs "
            f"`{needed.__name__}`{reason}; annotate it `{needed.__name__}`, or name `{said.__name__}` in the base class"
        )


def _has_columns(kind: object) -> bool:
    is_row = isinstance(kind, type) and issubclass(kind, Row) and kind is not Row
    return is_row or bool(getattr(kind, "_is_protocol", False))


def _annotation(method: FunctionType, name: str) -> object:
    """Return what a parameter is annotated with, ``None`` where that is not known yet."""
    annotation = method.__annotations__.get(name)
    if not isinstance(annotation, str):
        return annotation
    alone: Any = SimpleNamespace(__annotations__={name: annotation})
    try:
        return get_type_hints(alone, method.__globals__)[name]
    except (AttributeError, NameError):  # imported for checkers only, defined later, or inside of a function
        return None


def _misfit(needed: type, said: type) -> str | None:
    """Return why rows of one class are not what another says, to stand behind its name; ``None`` where they are."""
    if issubclass(said, Row):
        return None if issubclass(needed, Row) and issubclass(needed, said) else ", another class"
    try:
        given, wanted = schema_of_type(needed), schema_of_type(said)
    except NameError:  # an annotation of a column names what is defined later
        return None
    problems = check_schema(given, wanted) if given is not None and wanted is not None else []
    return f": {'; '.join(map(str, problems))}" if problems else None
