"""The options of a node: values of a file, held to the annotations of the node class's constructor."""

from __future__ import annotations

import inspect
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from nanotyped.config.annotations import inner_keys, option_adapter, secret_keys, secrets_in
from nanotyped.config.codes import Code
from nanotyped.config.explain import Subject, describe, explain, unknown
from nanotyped.config.scalars import parse_scalar
from nanotyped.config.yaml_reader import COMMA_HINT
from nanotyped.errors import TypeSyntaxError
from nanotyped.node import NanoNode, options_of
from nanotyped.node.annotations import AnnotationError, is_secret, option_annotation
from nanotyped.row.schema import Schema, parse_column

if TYPE_CHECKING:
    from nanotyped.config.annotations import Adapter, NodeClass
    from nanotyped.config.environment import Substitution
    from nanotyped.config.yaml_reader import Document, Path, Value
    from nanotyped.errors import ConfigProblem
    from nanotyped.row import Column

# Their annotations are for Python; a file gives columns with the text of their types.
NODE_SCHEMAS = ("input_schema", "output_schema")
"""The schemas of every node, which may stand beside its options too."""

SCHEMA_OPTIONS = (*NODE_SCHEMAS, "response_schema")
"""Options that are mappings of columns to the text of their types."""

_ANOTHER_KIND = "a secret of another kind"
_ELSEWHERE = {
    "name": "`name` is no option here: the name of a node is its key",
    "summary": "`summary` is no option here: it stands beside `class`",
}


@dataclass(slots=True)
class CheckedOptions:
    """The options of one node: the values for its constructor, and what is wrong with them.

    Attributes:
        values: The values, by the name of the option.
        problems: What is wrong; the constructor may be called only if this is empty.
        secrets: The values of options that are secrets, for redaction.
    """

    values: dict[str, Any] = field(default_factory=dict)
    problems: list[ConfigProblem] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)


class OptionChecker:
    """Holds options to the signature of their node class.

    Args:
        cls: The class.
        document: The file.
        substitution: Follows ``${NAME}``.
        follows: Whether it does; otherwise texts are taken as they are.
    """

    def __init__(self, cls: NodeClass, document: Document, substitution: Substitution, *, follows: bool = True) -> None:
        self.follows = follows
        self.cls = cls
        self.document = document
        self.substitution = substitution
        self.parameters = {name: given for name, given in options_of(cls).items() if name not in _ELSEWHERE}
        self.checked = CheckedOptions()

    def check(
        self,
        given: Mapping[str, Value],
        path: Path,
        *,
        elsewhere: Collection[str] = (),
        beside: Collection[str] = (),
    ) -> CheckedOptions:
        """Return the values for the constructor, and every problem.

        Args:
            given: The options, as the file has them.
            path: Where they stand.
            elsewhere: Options that come from elsewhere, and are not missing.
            beside: Keys that may stand beside the options, for the hints.
        """
        for name, parameter in self.parameters.items():
            if parameter.default is inspect.Parameter.empty and name not in given and name not in elsewhere:
                self._report((*path, name), f"{self.cls.__name__} needs the option `{name}`", Code.MISSING_OPTION)
        for name, value in given.items():
            place = (*path, name)
            if self.document.is_unread(place):
                continue
            if name not in self.parameters:
                reason = _ELSEWHERE.get(name) or unknown(
                    f"option of {self.cls.__name__}", name, [*self.parameters, *beside], options_of(NanoNode)
                )
                self._report(place, reason, Code.UNKNOWN_OPTION)
            elif name in SCHEMA_OPTIONS:
                self.check_schema(name, value, place)
            else:
                self._check_option(name, value, place)
        return self.checked

    def check_schema(self, name: str, value: Value, path: Path) -> None:
        """Take a schema, a mapping of columns to the text of their types; each misspelt type is a problem."""
        if not isinstance(value, dict):
            self._report(path, f"option `{name}`: expected a mapping of columns to types, got {describe(value)}")
            return
        rest = {behind for (_, text), (behind, none) in pairwise(value.items()) if _is_cut(text, behind, none)}
        hints = {name: f"; {COMMA_HINT}" for name, behind in pairwise(value) if behind in rest}
        columns = [
            column
            for key, text in value.items()
            if key not in rest and (column := self._column(key, text, (*path, key), hints.get(key, "")))
        ]
        if len(columns) == len(value):
            self.checked.values[name] = Schema(columns)

    def _column(self, name: str, text: Value, path: Path, hint: str) -> Column | None:
        if self.document.is_unread(path):
            return None
        if not isinstance(text, str):
            self._report(path, f"column `{name}`: expected the text of a type, got {describe(text)}")
            return None
        try:
            return parse_column(name, text)
        except TypeSyntaxError as error:
            spot = self.document.spot_within(path, error.text, offset=error.position)
            reason = f"column `{name}`: {error.reason} in `{text}`{hint}"
            self.checked.problems.append(self.document.problem(spot, reason, Code.TYPE))
            return None

    def _check_option(self, name: str, given: Value, path: Path) -> None:
        before = len(self.substitution.problems)
        value = self.substitution.expand(given, path) if self.follows else given
        if len(self.substitution.problems) > before:
            return
        try:
            annotation = option_annotation(self.cls, name)
            adapter = option_adapter(annotation)
        except AnnotationError as error:
            self._report(path, f"{self.cls.__name__} cannot be used from a file: {error}", Code.REFUSED)
            return
        hidden = {place: f"what {_references(names)} holds" for place, names in self.substitution.touched.items()}
        if is_secret(annotation):
            hidden.setdefault(path, _ANOTHER_KIND)
        for place in _secret_places(value, secret_keys(annotation)):
            hidden.setdefault((*path, *place), _ANOTHER_KIND)
        subject = Subject(self.document, value, path, inner_keys(annotation, value), f"option `{name}`: ", hidden)
        try:
            result = self._validate(adapter, subject)
        except ValidationError as error:
            self.checked.problems += explain(error, subject)
            return
        self.checked.values[name] = result
        self.checked.secrets += secrets_in(result)

    def _validate(self, adapter: Adapter, subject: Subject) -> Any:
        """Validate; where text out of the environment is refused, try again with what it would be unquoted."""
        try:
            return _load(adapter, subject.value)
        except ValidationError:
            retyped = self._retype(subject.value, subject.base)
            if retyped == subject.value:
                raise
        # If this fails too, it is about the same places: the subject still describes what was given.
        return _load(adapter, retyped)

    def _retype(self, value: Value, path: Path) -> Value:
        if isinstance(value, dict):
            return {key: self._retype(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self._retype(item, (*path, index)) for index, item in enumerate(value)]
        if not isinstance(value, str) or path not in self.substitution.touched:
            return value
        try:
            found = parse_scalar(value)
        except ValueError:
            return value
        return value if found is None else found

    def _report(self, path: Path, reason: str, code: Code = Code.WRONG_VALUE) -> None:
        # A wrong value is shown where it stands, everything else where the name of the option does.
        spot = self.document.value_spot(path) if code is Code.WRONG_VALUE else self.document.key_spot(path)
        self.checked.problems.append(self.document.problem(spot, reason, code))


def _is_cut(text: Value, behind: str, none: Value) -> bool:
    """Return whether a type was cut in two by its comma: ``{total: decimal(12,2)}`` is `decimal(12` and a key `2)`."""
    opened = isinstance(text, str) and text.count("(") > text.count(")")
    return opened and none is None and behind.count(")") > behind.count("(")


def _secret_places(value: Value, keys: Collection[str]) -> list[Path]:
    """Return where secrets stand in the value of an option whose mappings hold them under these keys."""
    if not keys:
        return []
    if not isinstance(value, dict):
        return [()]
    found: list[Path] = [(key,) for key in value if key in keys]
    return found + [(*place, inner) for place in found if isinstance(of := value[str(place[0])], dict) for inner in of]


def _load(adapter: Adapter, value: Value) -> Any:
    # As JSON, for that is what a file can hold: lists become tuples and sets where these are asked for, text dates.
    return adapter.validate_json(json.dumps(value), strict=True)


def _references(names: tuple[str, ...]) -> str:
    return " and ".join(f"`${{{name}}}`" for name in names)
