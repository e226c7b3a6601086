"""pydantic's errors -> problems of a file, in the words of a file: where, what is expected, what stands there."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from nanotyped.config.codes import Code
from nanotyped.config.scalars import parse_scalar
from nanotyped.errors import ConfigProblem, nearest_hint, shown

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

    from nanotyped.config.yaml_reader import Document, Path, Value

_EXPECTED: Mapping[str, str] = MappingProxyType(
    {
        "string_type": "text",
        "string_sub_type": "text",
        "int_type": "a whole number",
        "int_from_float": "a whole number",
        "int_parsing": "a whole number",
        "float_type": "a number",
        "float_parsing": "a number",
        "decimal_type": "a number",
        "decimal_parsing": "a number",
        "bool_type": "true or false",
        "bool_parsing": "true or false",
        "none_required": "nothing",
        "list_type": "a list",
        "tuple_type": "a list",
        "set_type": "a list",
        "frozen_set_type": "a list",
        "iterable_type": "a list",
        "dict_type": "a mapping",
        "mapping_type": "a mapping",
        "model_type": "a mapping",
        "model_attributes_type": "a mapping",
        "dataclass_type": "a mapping",
        "bytes_type": "text",
        "path_type": "a path",
        "date_type": "a date",
        "date_from_datetime_parsing": "a date",
        "datetime_type": "a date and time",
        "datetime_from_date_parsing": "a date and time",
        "time_delta_type": "a duration",
        "url_type": "a URL",
        "uuid_type": "a UUID",
    }
)
_NOT_IN_FILES = frozenset({"is_instance_of", "is_subclass_of", "is_type", "callable_type"})
_NUMBERS = frozenset({"a number", "a whole number"})


@dataclass(frozen=True, slots=True)
class Subject:
    """A part of a file that is validated, and how it may be shown.

    Attributes:
        document: The file.
        value: What pydantic looks at.
        base: Its path in the file.
        known: The keys that may stand in it.
        label: Put before each reason, such as ``option `port`: ``; by default the key.
        secret: The paths of values that no message shows, with what is shown instead.
    """

    document: Document
    value: Value
    base: Path = ()
    known: Collection[str] = ()
    label: str = ""
    secret: Mapping[Path, str] = field(default_factory=dict)

    def at(self, path: Path) -> Value:
        """Return the value at a path below the base."""
        value: Any = self.value
        for step in path:
            value = value[step]
        return value  # type: ignore[no-any-return]  # a value of the tree

    def describe(self, path: Path) -> str:
        """Return a value in words: ``the text `abc```, ``the number 5``, ``a list``."""
        hidden = self.secret.get((*self.base, *path))
        return hidden if hidden is not None else describe(self.at(path))

    def advice(self, path: Path, expected: Collection[str]) -> str:
        """Return what to change, where quotes are all that is wrong."""
        full = (*self.base, *path)
        if full in self.secret or full not in self.document.places:
            return ""
        value, source = self.at(path), self.document.places[full].source
        if "text" in expected and isinstance(value, bool | int | float):
            return f'; in quotes it is text: "{source}"'
        if not _NUMBERS.isdisjoint(expected) and isinstance(value, str) and isinstance(_scalar(value), int | float):
            return "; without quotes it is a number"
        return ""


def describe(value: Value) -> str:
    """Return a value of a file in words: ``the text `abc```, ``the number 5``, ``a list``."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {shown(value)}"
        case str():
            return f"the text {shown(value)}"
        case list():
            return "a list"
        case _:
            return "a mapping"


def _scalar(text: str) -> Value:
    try:
        return parse_scalar(text)
    except ValueError:
        return text


def explain(error: ValidationError, subject: Subject) -> list[ConfigProblem]:
    """Return the problems of one validation, each at its place."""
    by_path: dict[Path, list[ErrorDetails]] = {}
    is_union = False
    for details in error.errors(include_url=False, include_input=False):
        path, exact = _follow(subject.value, details["loc"], details["type"])
        if subject.document.is_unread((*subject.base, *path)):
            continue  # what is wrong there is reported already
        is_union = is_union or not exact
        by_path.setdefault(path, []).append(details)
    if is_union:  # of the members of a union, the one that fitted furthest is what was meant
        depth = max(map(len, by_path), default=0)
        by_path = {path: found for path, found in by_path.items() if len(path) == depth}
    return [_explain_value(found, path, subject) for path, found in by_path.items()]


def _follow(value: Any, location: tuple[int | str, ...], kind: str) -> tuple[Path, bool]:
    """Return the path in the file that pydantic's location means, and whether it was one step by step.

    For unions pydantic puts the name of the member into the location; such steps lead nowhere in the file. Where the
    file names the member by its ``type``, it is the one that was meant.
    """
    path: list[str | int] = []
    exact = True
    steps = location[:-1] if kind in ("missing", "extra_forbidden") else location
    for step in steps:
        is_item = isinstance(value, list) and isinstance(step, int) and step < len(value)
        if is_item or (isinstance(value, dict) and step in value):
            value = value[step]
            path.append(step)
        else:
            is_tag = isinstance(value, dict) and value.get("type") == step
            exact = exact and (step == "[key]" or is_tag)
    return (*path, *location[len(steps) :]), exact


def _explain_value(found: list[ErrorDetails], path: Path, subject: Subject) -> ConfigProblem:
    document = subject.document
    full = (*subject.base, *path)
    kinds = {details["type"] for details in found}
    if "missing" in kinds:
        return document.problem(document.key_spot(full[:-1]), f"`{path[-1]}` is missing", Code.MISSING_KEY)
    if "extra_forbidden" in kinds:
        return document.problem(document.key_spot(full), unknown("key", str(path[-1]), subject.known), Code.UNKNOWN_KEY)
    if kinds == {"union_tag_not_found"}:
        return document.problem(document.key_spot(full), f"`{_tag(found[0])}` is missing", Code.MISSING_KEY)
    if kinds == {"union_tag_invalid"}:
        full = (*full, _tag(found[0]))
        path = (*path, full[-1])
    expected = list(dict.fromkeys(filter(None, map(_expected, found))))
    if expected:
        reason = f"expected {' or '.join(expected)}, got {subject.describe(path)}{subject.advice(path, expected)}"
    else:
        reasons = [_own_words(details) for details in found if details["type"] not in _NOT_IN_FILES]
        reason = "; ".join(dict.fromkeys(reasons)) or "this cannot be given in a file, only from Python"
    key = next((step for step in reversed(full) if isinstance(step, str)), None)
    label = subject.label or (f"`{key}`: " if key is not None else "")
    return document.problem(document.value_spot(full), label + reason)


def unknown(what: str, name: str, known: Collection[str], of_every_node: Collection[str] = ()) -> str:
    """Return the reason for an unknown name: the name, and the nearest or all that are known.

    Args:
        what: What the name is of.
        name: The name.
        known: All that are known.
        of_every_node: Those of them that every node has, which are not listed.
    """
    hint = nearest_hint(name, sorted(known))
    if not hint:
        names = [f"`{key}`" for key in known if key not in of_every_node]
        if of_every_node:
            names.append(f"{'and ' if names else ''}the options of every node")
        hint = f"known are {', '.join(names)}" if names else ""
    return f"unknown {what} `{name}`{'; ' if hint else ''}{hint}"


def _expected(details: ErrorDetails) -> str:
    kind = details["type"]
    context = details.get("ctx", {})
    if kind in ("literal_error", "enum"):
        return str(context.get("expected", "")).replace("'", "`")
    if kind == "union_tag_invalid":
        return str(context.get("expected_tags", "")).replace("'", "`")
    return _EXPECTED.get(kind, "")


def _tag(details: ErrorDetails) -> str:
    """Return the key that tells the members of a union apart."""
    return str(details.get("ctx", {}).get("discriminator", "")).strip("'")


def _own_words(details: ErrorDetails) -> str:
    text = details["msg"].removeprefix("Value error, ")
    return text.replace("Input should be", "it should be").replace("Input ", "it ")
