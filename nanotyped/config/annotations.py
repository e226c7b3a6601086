"""The annotations of a node's constructor as pydantic validators of what a file can hold."""

from __future__ import annotations

from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, PydanticUserError, SecretStr, TypeAdapter
from pydantic_core import PydanticCustomError

from nanotyped.node import NanoNode
from nanotyped.node.annotations import AnnotationError, holds_secrets, members, takes_function
from nanotyped.registry import UnknownNameError, find_function

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NodeClass: TypeAlias = type[NanoNode[Any, Any]]
Adapter: TypeAlias = TypeAdapter[Any]


def option_adapter(annotation: Any) -> Adapter:
    """Return what validates a value of a file for an annotation: strictly, and functions by their registered names.

    Raises:
        AnnotationError: If pydantic knows no way.
    """
    if takes_function(annotation):
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


def inner_keys(annotation: Any, value: Any = None) -> list[str]:
    """Return the keys that mappings inside of an option may have, by the models that its annotation names.

    Of models that their ``type`` tells apart it is the one that the value names.
    """
    models = list(_models(annotation))
    kind = value.get("type") if isinstance(value, dict) else None
    meant = [model for model in models if "type" in model.model_fields and model.model_fields["type"].default == kind]
    fields = [item for model in meant or models for item in model.model_fields.items()]
    return list(dict.fromkeys(field.alias or name for name, field in fields))


def secret_keys(annotation: Any) -> set[str]:
    """Return the keys under which mappings inside of an option hold secrets."""
    fields = [item for model in _models(annotation) for item in model.model_fields.items()]
    return {field.alias or name for name, field in fields if holds_secrets(field.annotation)}


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for member in get_args(annotation):
        yield from _models(member)


def secrets_in(value: Any) -> list[str]:
    """Return every secret in the value of an option."""
    match value:
        case SecretStr():
            return [value.get_secret_value()]
        case BaseModel():
            return secrets_in(dict(value))
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
    kept = [_prefer_secrets(item) for item in arguments if not (item is str and SecretStr in members(annotation))]
    if origin in (Union, UnionType):
        return Union[tuple(kept)]  # noqa: UP007 - of a list that is known at run time only
    return annotation if len(kept) != len(arguments) or kept == list(arguments) else origin[tuple(kept)]


def _find(value: Any) -> Callable[..., Any]:
    if not isinstance(value, str):
        raise PydanticCustomError("function_name", "expected the name of a function")
    try:
        return find_function(value)
    except UnknownNameError as error:
        raise PydanticCustomError("function_name", "{reason}", {"reason": str(error)}) from error


def _find_or_none(value: Any) -> Callable[..., Any] | None:
    return None if value is None else _find(value)
