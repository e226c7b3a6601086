"""Whether every value of one JSON Schema is valid against another: what is sent, against what a service wants.

What is sent is described by this project (``sent_rows``): plain keywords, ``anyOf`` at the most. What is wanted is out
of an OpenAPI document and may hold anything. What is said there by a keyword that is not known, or that no type of a
column promises (``pattern``, ``minLength``), is not proven, and is told as such; all else either fits or does not.

Source: JSON Schema 2020-12, Validation; OpenAPI 3.0.3 for ``nullable`` and the exclusive bounds of that version.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from nanotyped.errors import shown
from nanotyped.nodes.http.schema_bounds import NOTES, VALUE_CHECKS, Doubt, spelled

if TYPE_CHECKING:
    from nanotyped.nodes.http.openapi_document import OpenApiDocument

Flat: TypeAlias = Mapping[str, Any]
FindingKind: TypeAlias = Literal["type", "null", "missing", "unknown", "value", "unproven", "unreadable"]
# Of OpenAPI 3.0, whose null is no type: a null that the standard does not allow, and that the author meant.
_WISHED_NULL = "x-nullable-without-type"
_EVALUATED = "x-evaluated-names"
# A schema of `number` takes integers too.
_ANY_TYPE = frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})
_NOTHING: Flat = {"enum": []}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not fit, or that cannot be proven.

    Attributes:
        path: The names of the members that lead to it, ``[]`` for the items of an array.
        kind: What it is; ``value`` for a bound that some values break.
        expected: What is wanted there, as text; ``nothing`` where no member may be.
        reason: Why it does not fit; for ``unproven``, the keyword.
        wanted: The wanted schema in flat parts, all of which must hold.
    """

    path: tuple[str, ...]
    kind: FindingKind
    expected: str
    reason: str = ""
    wanted: tuple[Flat, ...] = ()


class SchemaFit:
    """Compares what is sent with schemas of one document. References are followed where a value leads there.

    Args:
        document: Where ``$ref`` leads.
    """

    def __init__(self, document: OpenApiDocument) -> None:
        self._document = document

    def findings(self, given: Flat, wanted: Sequence[Flat], path: tuple[str, ...] = ()) -> list[Finding]:
        """Return why some value of ``given`` is not valid against ``wanted``, and what of that is not known.

        Args:
            given: The schema of what is sent.
            wanted: Flat schemas, all of which must hold (``flat``).
            path: What leads to it.

        Raises:
            ValueError: If a schema of the document that matters is malformed, or cannot be followed.
        """
        found = [one for given_one in _alternatives(given) for one in self._of_one(given_one, wanted, path)]
        first = {(one.path, one.kind, one.expected, one.reason): one for one in reversed(found)}
        return [one for one in found if first[one.path, one.kind, one.expected, one.reason] is one]

    def flat(self, schema: Any, seen: tuple[str, ...] = ()) -> list[Flat]:
        """Return the schemas without ``$ref`` and ``allOf`` that a schema stands for, all of which must hold.

        Raises:
            ValueError: If it is malformed, leads to itself, or into another document.
        """
        if isinstance(schema, bool):
            return [] if schema else [_NOTHING]
        if not isinstance(schema, Mapping):
            raise ValueError(f"a schema is an object, not {shown(schema)}")  # noqa: TRY004 - of a file, not of a call
        parts: list[Flat] = []
        if "$ref" in schema:
            reference = str(schema["$ref"])
            if reference in seen:
                raise ValueError(f"`{reference}` leads back to itself")
            parts += self.flat(self._document.resolve(schema["$ref"]), (*seen, reference))
            if self._document.is_3_0:  # what stands beside it does not count
                return parts
        all_of = schema.get("allOf", [])
        if not isinstance(all_of, list):
            raise ValueError(f"`allOf` is to be a list, not {shown(all_of)}")  # noqa: TRY004 - as above
        parts += [part for one in all_of for part in self.flat(one, seen)]
        own = {key: value for key, value in schema.items() if key not in ("$ref", "allOf") and not _is_note(key)}
        own = _of_3_0(own) if self._document.is_3_0 else own
        if own.get("unevaluatedProperties") is False:
            own[_EVALUATED] = _names([*parts, own])
        return [*parts, own] if own else parts

    def _of_one(self, given: Flat, wanted: Sequence[Flat], path: tuple[str, ...]) -> list[Finding]:
        kind, found = given.get("type"), self._of_value(given, wanted, path)
        if kind == "null":
            # A null is all that there is of it: whatever is wrong, is wrong with that.
            is_wish = any(_WISHED_NULL in one for one in wanted)
            found = [
                one if one.kind == "unproven" else replace(one, kind="unproven", reason="null")
                if is_wish else replace(one, kind="null", reason="it may be null")
                for one in found
            ]  # fmt: skip
        return [replace(one, wanted=one.wanted or tuple(wanted)) for one in found]

    def _of_value(self, given: Flat, wanted: Sequence[Flat], path: tuple[str, ...]) -> list[Finding]:
        kind, types, expected = given.get("type"), types_of(wanted), describe(wanted)
        found: list[Finding] = []
        if kind is None and types != _ANY_TYPE:
            found.append(Finding(path, "unproven", expected, f"type {_spelled_types(types)}"))
        elif kind is not None and kind not in types:
            return [Finding(path, "type", expected, _sent_as(kind))]
        for one in wanted:
            for key, value in one.items():
                found += self._keyword(given, key, value, path, expected)
        if kind == "object":
            found += self._members(given, wanted, path)
        if kind == "array":
            items = [part for one in wanted if "items" in one for part in self.flat(one["items"])]
            found += self.findings(given.get("items", {}), items, (*path, "[]"))
        return found

    def _keyword(self, given: Flat, key: str, value: Any, path: tuple[str, ...], expected: str) -> list[Finding]:
        if key in _STRUCTURE:
            return []
        if key in ("anyOf", "oneOf"):
            return self._branches(given, key, value, path)
        check = VALUE_CHECKS.get(key)
        if check is None:
            return [Finding(path, "unproven", expected, key)]
        try:
            result = check(given, value)
        except (TypeError, ArithmeticError):
            raise ValueError(f"`{key}: {shown(value)}` is no such keyword of JSON Schema") from None
        if isinstance(result, Doubt):
            return [Finding(path, "unproven", expected, result.keyword)]
        return [Finding(path, "value", expected, result)] if result else []

    def _branches(self, given: Flat, key: str, value: Any, path: tuple[str, ...]) -> list[Finding]:
        """Return nothing where one branch is proven, and of ``oneOf`` no other can hold."""
        if not isinstance(value, list) or not value:
            raise ValueError(f"`{key}` is to be a list of schemas, not {shown(value)}")
        branches = [self.flat(one) for one in value]
        possible = [branch for branch in branches if may_hold(given, branch)]
        if not possible:
            expected = " or ".join(dict.fromkeys(map(describe, branches)))
            return [Finding(path, "type", expected, _sent_as(given.get("type")))]
        if len(possible) == 1:
            return self.findings(given, possible[0], path)
        if key == "anyOf" and any(not self.findings(given, branch, path) for branch in possible):
            return []
        return [Finding(path, "unproven", describe(branches[0]), key)]

    # -- objects -----------------------------------------------------------------------

    def _members(self, given: Flat, wanted: Sequence[Flat], path: tuple[str, ...]) -> Iterator[Finding]:
        members: Mapping[str, Any] = given.get("properties", {})
        absent = [name for part in wanted for name in _required(part) if name not in members]
        for name in dict.fromkeys([*members, *absent]):
            try:
                yield from [*self._of_member(members.get(name), wanted, path, name)]
            except ValueError as error:  # of this member alone: the others are looked at
                yield Finding((*path, name), "unreadable", "", str(error))

    def _of_member(
        self, given: Flat | None, wanted: Sequence[Flat], path: tuple[str, ...], name: str
    ) -> Iterator[Finding]:
        """Yield what is wrong with one member, ``None`` for one that is needed and not sent."""
        place = (*path, name)
        if given is not None and not all(_takes_member(one, name) for one in wanted):
            yield Finding(place, "unknown", "nothing")
            return
        parts = self.member(wanted, name)
        # The service alone sets it: it is needed in answers only (OpenAPI 3.0.3, Schema Object).
        is_its_own = any(part.get("readOnly") is True for part in parts)
        if given is None:
            if not is_its_own:
                yield Finding(place, "missing", describe(parts), wanted=tuple(parts))
            return
        doubts = ["readOnly"] if is_its_own else []
        for key in ("patternProperties", "unevaluatedProperties"):
            doubts += [key for one in wanted if key in one and one.get(_EVALUATED) is None]
        yield from (Finding(place, "unproven", describe(parts), key, tuple(parts)) for key in doubts)
        yield from self.findings(given, parts, place)

    def member(self, wanted: Sequence[Flat], name: str) -> list[Flat]:
        """Return the flat schemas that a member has to be valid against, all of them."""
        found: list[Flat] = []
        for one in wanted:
            properties = _properties(one)
            if name in properties:
                found += self.flat(properties[name])
            elif one.get("additionalProperties") is not False:  # where that is closed, `_takes_member` has looked
                found += self.flat(one.get("additionalProperties", True))
        return found


# What `_of_one` and `_members` look at themselves, and what says nothing of a value by itself.
_STRUCTURE = frozenset(
    {
        *("type", "properties", "required", "additionalProperties", "patternProperties", "items"),
        *("readOnly", "unevaluatedProperties", _WISHED_NULL, _EVALUATED),
    }
)


def _is_note(key: str) -> bool:
    return key in NOTES or key.startswith("x-")


def _of_3_0(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema of OpenAPI 3.0 in the words of JSON Schema 2020-12."""
    own = dict(schema)
    if own.pop("nullable", False) is True:
        if isinstance(own.get("type"), str):
            own["type"] = [own["type"], "null"]
        # Where a type is missing, or `enum` lacks null, the standard says no, and many a document means yes.
        if "type" not in own or None not in own.get("enum", [None]):
            own[_WISHED_NULL] = True
    for key, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(own.get(key), bool) and own.pop(key) and bound in own:
            own[key] = own.pop(bound)
    return own


def _alternatives(given: Flat) -> Iterator[Flat]:
    if "anyOf" in given:
        for one in given["anyOf"]:
            yield from _alternatives(one)
    else:
        yield given


def _own_types(schema: Flat) -> frozenset[str]:
    found = schema.get("type")
    if found is None:
        return _ANY_TYPE
    names = [found] if isinstance(found, str) else found
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"`type` is to be a name or a list of names, not {shown(found)}")
    if unknown := [name for name in names if name not in _ANY_TYPE]:
        raise ValueError(f"`type: {unknown[0]}` is none of JSON Schema")
    return frozenset([*names, "integer"] if "number" in names else names)


def types_of(wanted: Iterable[Flat]) -> frozenset[str]:
    """Return the types that values may have by the ``type`` of all schemas."""
    found = _ANY_TYPE
    for one in wanted:
        found &= _own_types(one)
    return found


def may_hold(given: Flat, wanted: Sequence[Flat]) -> bool:
    """Return whether, by its type alone, some value of what is sent may be valid."""
    kind, types = given.get("type"), types_of(wanted)
    return (kind is None and bool(types)) or kind in types or (kind == "number" and "integer" in types)


def _properties(schema: Flat) -> Mapping[str, Any]:
    found = schema.get("properties", {})
    if not isinstance(found, Mapping):
        raise ValueError(f"`properties` is to be an object, not {shown(found)}")  # noqa: TRY004 - of a file
    return found


def _required(schema: Flat) -> list[str]:
    found = schema.get("required", [])
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise ValueError(f"`required` is to be a list of names, not {shown(found)}")
    return found


def _takes_member(schema: Flat, name: str) -> bool:
    evaluated = schema.get(_EVALUATED)
    if evaluated is not None and name not in evaluated:
        return False
    is_closed = schema.get("additionalProperties") is False and "patternProperties" not in schema
    return not is_closed or name in _properties(schema)


def _names(parts: Iterable[Flat]) -> frozenset[str] | None:
    """Return the names that schemas evaluate, ``None`` where that is not known, or they are all."""
    found: set[str] = set()
    for part in parts:
        if part.keys() & {"anyOf", "oneOf", "if", "dependentSchemas", "patternProperties", "additionalProperties"}:
            return None
        found |= _properties(part).keys()
    return frozenset(found)


def describe(wanted: Iterable[Flat]) -> str:
    """Return what is wanted as people write it: ``string or null, maxLength 64``."""
    parts = list(wanted)
    types = types_of(parts)
    words = [] if types == _ANY_TYPE else [_spelled_types(types)]
    for part in parts:
        words += [spelled(key, value) for key, value in part.items() if key in VALUE_CHECKS]
    return ", ".join(dict.fromkeys(word for word in words if word)) or "anything"


def _spelled_types(types: frozenset[str]) -> str:
    names = types - {"integer"} if "number" in types else types
    return " or ".join(sorted(names, key=lambda name: (name == "null", name))) or "nothing"


def _sent_as(kind: Any) -> str:
    return f"it is sent as {'an' if kind in ('array', 'integer', 'object') else 'a'} {kind}"
