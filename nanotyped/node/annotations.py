"""The annotations of a node's constructor, resolved: which options are secrets by them, and which take functions."""

from __future__ import annotations

import collections.abc
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import SecretStr

from nanotyped.errors import NanotypedError

if TYPE_CHECKING:
    from nanotyped.node.nano_node import NanoNode


class AnnotationError(NanotypedError, TypeError):
    """An annotation that cannot be resolved or that nothing in a file can satisfy: a mistake of the node class."""


def option_annotation(cls: type[NanoNode[Any, Any]], option: str) -> Any:
    """Return the annotation of an option, resolved; ``Any`` where there is none.

    Raises:
        AnnotationError: If it holds a name that is not there when the program runs.
    """
    for base in cls.__mro__:
        constructor = base.__dict__.get("__init__")
        annotations = getattr(constructor, "__annotations__", {})
        origin = getattr(constructor, "option_origins", {}).get(option)
        if origin is not None:  # a class that was made of others
            return option_annotation(*origin)
        code = getattr(constructor, "__code__", None)
        if code is None or option not in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]:
            continue
        if option not in annotations:
            return Any
        holder = type("Option", (), {"__annotations__": {option: annotations[option]}})
        try:
            return get_type_hints(holder, getattr(constructor, "__globals__", {}), include_extras=True)[option]
        except Exception as error:
            raise AnnotationError(
                f"the annotation of its option `{option}` cannot be resolved ({error});"
                " what it names must be imported when the program runs, not `if TYPE_CHECKING`"
            ) from error
    return Any


def is_secret(annotation: Any) -> bool:
    """Whether an option is a secret: ``SecretStr``, alone or in a union."""
    return annotation is SecretStr or any(is_secret(member) for member in members(annotation))


def takes_text(annotation: Any) -> bool:
    """Whether text is one of the things that an option may be given."""
    return annotation is str or any(takes_text(member) for member in members(annotation))


def holds_secrets(annotation: Any) -> bool:
    """Whether an option is a secret, or a collection that holds some, such as headers."""
    return annotation is SecretStr or any(holds_secrets(member) for member in get_args(annotation))


def takes_function(annotation: Any) -> bool:
    """Whether a function is one of the things that an option may be given."""
    if collections.abc.Callable in (annotation, get_origin(annotation)):
        return True
    return any(takes_function(member) for member in members(annotation))


def members(annotation: Any) -> tuple[Any, ...]:
    """Return the members of a union, or the one type that an annotation is of; empty of a plain type."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return get_args(annotation)[:1]
    return get_args(annotation) if origin in (Union, UnionType) else ()
