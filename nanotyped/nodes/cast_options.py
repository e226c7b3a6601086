"""The option ``columns`` of the node ``Cast``: what each column is cast to, and how it may lose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from nanotyped.errors import TypeSyntaxError, WrongOptionsError, nearest_hint, shown
from nanotyped.nodes.casting import LOSSY_MODES, has_meaning
from nanotyped.row.schema import parse_column
from nanotyped.types.base import DataType
from nanotyped.types.intermediate import STRING

if TYPE_CHECKING:
    from nanotyped.row.schema import ColumnDeclaration

CastDeclaration: TypeAlias = str | dict[str, str] | type[DataType]

_KEYS = ("type", "lossy", "json")
_JSON_FORMS = ("text", "string")


@dataclass(frozen=True, slots=True)
class CastTo:
    """What a column is cast to.

    Attributes:
        type: Its new type.
        lossy: What becomes of values that do not fit.
        json_strings: Whether its JSON documents must be strings, and become the text that they hold.
    """

    type: type[DataType]
    lossy: str
    json_strings: bool = False


def parse_casts(columns: Mapping[str, CastDeclaration], lossy: str) -> dict[str, CastTo]:
    """Return what each column is cast to.

    Args:
        columns: The declarations, by column.
        lossy: How columns may lose that do not say it themselves.

    Raises:
        WrongOptionsError: If any of this is wrong; names all that is, each with its column.
    """
    problems = [f"lossy {reason}"] if (reason := _mode_problem(lossy)) else []
    casts: dict[str, CastTo] = {}
    for name, spelled in columns.items():
        given: Mapping[str, Any] = spelled if isinstance(spelled, Mapping) else {"type": spelled}
        mode, form = given.get("lossy", lossy), given.get("json", "text")
        reasons = list(_key_problems(given))
        kind: type[DataType] | None = None
        if "type" in given:
            kind, reason = _read_type(name, given["type"])
            reasons += [f": {reason}"] if reason else []
        if kind is not None and "lossy" in given and mode in LOSSY_MODES and not has_meaning(mode, kind):
            fitting = _listed(other for other in LOSSY_MODES if has_meaning(other, kind))
            reasons.append(f": `{mode}` means nothing for `{kind.spelling()}`; it takes {fitting}")
        if kind is not None and form == "string" and kind.intermediate_type.family is not STRING:
            reasons.append(f": `json: string` is for a text, not for `{kind.spelling()}`")
        problems += [f"columns, `{name}`{reason}" for reason in reasons]
        if kind is not None:
            casts[name] = CastTo(kind, mode, json_strings=form == "string")
    if problems:
        raise WrongOptionsError(problems)
    return casts


def _key_problems(given: Mapping[str, Any]) -> Iterable[str]:
    if "type" not in given:
        yield ": it needs a `type`"
    for key in given:
        if key not in _KEYS:
            hint = nearest_hint(key, _KEYS)
            yield f": no option `{key}`; it has {_listed(_KEYS)}{f'; {hint}' if hint else ''}"
    if "lossy" in given and (reason := _mode_problem(given["lossy"])):
        yield f", lossy {reason}"
    if given.get("json", "text") not in _JSON_FORMS:
        yield f", json must be one of {_listed(_JSON_FORMS)}, not {given['json']!r}"


def _read_type(name: str, declared: ColumnDeclaration) -> tuple[type[DataType] | None, str]:
    """Return a type, or why it is none."""
    try:
        column = parse_column(name, declared)
    except TypeSyntaxError as error:
        return None, str(error)
    except TypeError:
        return None, f"{shown(declared)} is no type; give a type or its text"
    if column.nullable:
        return None, "whether it may be null stays as it is; leave `null` out"
    return column.type, ""


def _mode_problem(mode: str) -> str:
    return "" if mode in LOSSY_MODES else f"must be one of {_listed(LOSSY_MODES)}, not {mode!r}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
