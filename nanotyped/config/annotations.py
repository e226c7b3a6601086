"""The annotations of a node's constructor, resolved, as pydantic validators of what a file can hold."""

from __future__ import annotations

import collections.abc
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin, get_type_hints

from pydantic import BeforeValidator, ConfigDict, PydanticUserError, SecretStr, TypeAdapter
from pydantic_core import PydanticCustomError

from nanotyped.errors import NanotypedError
from nanotyped.node import NanoNode
from nanotyped.registry import UnknownNameError, find_function

if TYPE_CHECKING:
    from collections.abc import Callable

NodeClass: TypeAlias = type[NanoNode[Any, Any]]
Adapter: TypeAlias = TypeAdapter[Any]


class AnnotationError(NanotypedError, TypeError):
    """An annotation that cannot be resolved or that nothing in a file can satisfy: a mistake of the node class."""


def option_annotation(cls: NodeClass, option: str) -> Any:
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


def option_adapter(annotation: Any) -> Adapter:
    """Return what validates a value of a file for an annotation: strictly, and functions by their registered names.

    Raises:
        AnnotationError: If pydantic knows no way.
    """
    if _takes_function(annotation):
        allows_none = NoneType in get_args(annotation)
        return TypeAdapter(Annotated[Any, BeforeValidator(_find_or_none if allows_none else _find)])
    annotation = _prefer_secrets(annotation)
    try:
        try:
            return TypeAdapter(annotation, config=ConfigDict(arbitrary_types_allowed=True, strict=True))
        except PydanticUserError as error:
            if error.code != "type-adapter-config-unused":
                raise
            return TypeAdapter(annotation)  # a model has a configuration of its own
    except Exception as error:
        raise AnnotationError(f"its annotation `{annotation}` is of no use for a file: {error}") from error


def is_secret(annotation: Any) -> bool:
    """Whether an option is a secret: ``SecretStr``, alone or in a union."""
    return annotation is SecretStr or any(is_secret(member) for member in _members(annotation))


def takes_text(annotation: Any) -> bool:
    """Whether text is one of the things that an option may be given."""
    return annotation is str or any(takes_text(member) for member in _members(annotation))


def secrets_in(value: Any) -> list[str]:
    """Return every secret in the value of an option."""
    match value:
        case SecretStr():
            return [value.get_secret_value()]
        case dict():
            return [secret for item in value.values() for secret in secrets_in(item)]
        case list() | tuple() | set() | frozenset():
            return [secret for item in value for secret in secrets_in(item)]
    return []


def _prefer_secrets(annotation: Any) -> Any:
    """Return the annotation without ``str`` wherever ``SecretStr`` would do: ``SecretStr | str`` is for Python."""
    arguments = get_args(annotation)
    origin = get_origin(annotation)
    if not arguments or origin in (Literal, Annotated):
        return annotation
    kept = [_prefer_secrets(item) for item in arguments if not (item is str and SecretStr in _members(annotation))]
    if origin in (Union, UnionType):
        return Union[tuple(kept)]  # noqa: UP007 - of a list that is known at run time only
    return annotation if len(kept) != len(arguments) or kept == list(arguments) else origin[tuple(kept)]


def _takes_function(annotation: Any) -> bool:
    if collections.abc.Callable in (annotation, get_origin(annotation)):
        return True
    return any(_takes_function(member) for member in _members(annotation))


def _members(annotation: Any) -> tuple[Any, ...]:
    origin = get_origin(annotation)
    if origin is Annotated:
        return get_args(annotation)[:1]
    return get_args(annotation) if origin in (Union, UnionType) else ()


def _find(value: Any) -> Callable[..., Any]:
    if not isinstance(value, str):
        raise PydanticCustomError("function_name", "expected the name of a function")
    try:
        return find_function(value)
    except UnknownNameError as error:
        raise PydanticCustomError("function_name", "{reason}", {"reason": str(error)}) from error


def _find_or_none(value: Any) -> Callable[..., Any] | None:
    return None if value is None else _find(value)
