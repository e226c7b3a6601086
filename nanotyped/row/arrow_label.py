"""The label of an Arrow field: which column type it stands for, as JSON in its metadata."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from nanotyped.errors import IncompatibleTypesException
from nanotyped.types.base import DataSourceTypeSystem, DataType

if TYPE_CHECKING:
    from nanotyped.row.schema import Column

LABEL = b"nanotyped"


class ArrowLabel(NamedTuple):
    """What a field stands for: a column type, and whether it belongs to the key."""

    type: type[DataType]
    key: bool


class _Spelled(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """A type as JSON. ``family`` is there where the spelling alone does not lead back to the type."""

    system: str
    type: str
    family: str = ""
    parameters: dict[str, Any] = {}
    key: bool = False


def render_label(column: Column) -> bytes:
    """Return the label of a column; its name and whether it may be null stand in the field itself."""
    spelled = _spell(column.type)
    spelled.key = column.key
    return msgspec.json.encode(spelled)


@lru_cache(maxsize=4096)
def parse_label(text: bytes) -> ArrowLabel:
    """Return what a label says.

    Raises:
        IncompatibleTypesException: If it says nothing that can be understood here.
    """
    try:
        spelled = msgspec.json.decode(text, type=_Spelled)
        return ArrowLabel(_find(spelled), spelled.key)
    except (msgspec.DecodeError, RecursionError) as error:
        raise IncompatibleTypesException(f"its metadata `{LABEL.decode()}` is no label: {error}") from None


def _spell(kind: type[DataType]) -> _Spelled:
    spelled = _Spelled(kind.type_system.system_name, kind.spelling())
    if not _leads_back(spelled, kind):
        spelled.family = kind.family.__name__
        spelled.parameters = {
            name: _spell(value) if isinstance(value, type) and issubclass(value, DataType) else value
            for name, value in kind.parameters.items()
        }
    return spelled


def _leads_back(spelled: _Spelled, kind: type[DataType]) -> bool:
    try:
        return _find(spelled) is kind
    except IncompatibleTypesException:
        return False


def _find(spelled: _Spelled) -> type[DataType]:
    system = _systems().get(spelled.system)
    if system is None:
        known = ", ".join(sorted(_systems()))
        raise IncompatibleTypesException(
            f"its metadata names the type system `{spelled.system}`, which is not known (known are {known}); "
            "import the module that has it"
        )
    try:
        found = _family_of(system, spelled) if spelled.family else system.type_mapping(spelled.type)
    except (NotImplementedError, ValueError, TypeError) as error:
        raise IncompatibleTypesException(f"its metadata names no type of {spelled.system}: {error}") from None
    if found.spelling() != spelled.type and spelled.family:
        raise IncompatibleTypesException(
            f"its metadata contradicts itself: it says `{spelled.type}`, and parameters that make `{found.spelling()}`"
        )
    return found


def _systems() -> dict[str, type[DataSourceTypeSystem]]:
    """Return every system that is registered, by its name; those of strangers too."""
    return {system.system_name: system for system in DataSourceTypeSystem.__subclasses__() if system.system_name}


def _family_of(system: type[DataSourceTypeSystem], spelled: _Spelled) -> type[DataType]:
    families = {family.__name__: family for family in _families(system)}
    family = families.get(spelled.family)
    if family is None:
        raise ValueError(f"there is no family `{spelled.family}`")
    return family.of(**{name: _parameter(value) for name, value in spelled.parameters.items()})


def _families(cls: Any) -> list[type[DataType]]:
    """Return the families among the classes below a type system, without the parametrised types below those."""
    found: list[type[DataType]] = []
    for below in cls.__subclasses__():
        if issubclass(below, DataType) and not below.parameters:
            found += [below, *_families(below)]
    return found


def _parameter(value: Any) -> Any:
    """Return a parameter out of its JSON: members are a tuple, an object is a type."""
    if isinstance(value, list):
        return tuple(value)
    return _find(msgspec.convert(value, _Spelled)) if isinstance(value, dict) else value
