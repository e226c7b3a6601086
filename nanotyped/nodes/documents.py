"""Nodes for what lies inside of messages: ``Serializer``, ``SimpleTransforms``, ``AggregateValues``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from nanotyped.errors import IncompatibleTypesException, RowError, WrongOptionsError, nearest_hint, shown
from nanotyped.node import NanoNode, Origin
from nanotyped.node.functions import resolve_function
from nanotyped.node.nano_node import GivenOptions
from nanotyped.node.passing import sees_all
from nanotyped.node.sight import is_json_column
from nanotyped.nodes.constants import constant_column
from nanotyped.nodes.tail_paths import Replacer, TailPath, parse_tail_path, values_at
from nanotyped.registry import UnknownNameError, find_function, register_node
from nanotyped.row import Column, Row, Schema
from nanotyped.row.compiled import copy_document
from nanotyped.row.rows import row_info
from nanotyped.row.schema import BARE_VALUE
from nanotyped.types.intermediate import JSON, JSON_NULL, NULL
from nanotyped.types.json import json_form

# -- Serializer ----------------------------------------------------------------------------


@register_node
class Serializer(NanoNode[object, Any]):
    """Takes lists apart, and gives each item in turn.

    Items that are mappings spread into columns; others go under ``output_key``. A null among them is a null. Of an
    empty list, and of null, nothing is given. A set is taken apart in the order of its texts. Text is no list here: it
    is an error of its row.

    Needs: a list, tuple, set or generator, usually by ``key``. Gives: the items; which columns they have is known only
    when it runs, or where ``output_schema`` says so.

    Args:
        values: Whether the values of an object are taken, in its order, in place of the items of a list.
    """

    stateless = True

    def __init__(self, *, values: bool = False, **kwargs: Any) -> None:
        self.values = values
        super().__init__(**kwargs)

    def process_item(self) -> Iterator[Any]:
        """Yield the items."""
        for item in self._items(self.__message__):
            yield NULL(None) if item is None else item

    def _items(self, message: Any) -> Iterable[Any]:
        if message is None or message is JSON_NULL:
            return ()
        if self.values:
            if isinstance(message, Row):
                return message.to_python().values()
            if isinstance(message, Mapping):
                return message.values()
            raise RowError(f"an object is wanted, got {shown(message)}")
        if isinstance(message, set | frozenset):
            return sorted(message, key=str)
        if isinstance(message, str | bytes | Mapping | Row) or not isinstance(message, Iterable):
            raise RowError(f"a list is wanted, got {shown(message)}; key says where in the message it is")
        return message


# -- SimpleTransforms ----------------------------------------------------------------------


def _found_function(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return find_function(value)
        except UnknownNameError as error:
            raise ValueError(str(error)) from None
    if not callable(value):
        raise ValueError(f"{shown(value)} is no function")  # noqa: TRY004 - of this pydantic makes a finding
    return value


class Transform(BaseModel):
    """What becomes of the values at the places of one path.

    Args:
        path: The name that the places have, or the last names on the way to them.
        starting_path: Only places below this one.
        target_value: The new value.
        target_function: Or what makes it of the old one: a registered function, called with the old value first.
        function_args: More arguments.
        function_kwargs: More arguments, by name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str | list[str]
    starting_path: str | list[str] | None = None
    target_value: Any = None
    target_function: Annotated[Any, BeforeValidator(_found_function)] = None
    function_args: list[Any] = Field(default_factory=list)
    function_kwargs: dict[str, Any] = Field(default_factory=dict)

    def problems(self) -> list[str]:
        """Return what is wrong with it."""
        found = []
        given = self.model_fields_set & {"target_value", "target_function"}
        if len(given) != 1:
            found.append(f"give target_value or target_function, not {'both' if given else 'neither'}")
        if "target_function" not in given and (self.function_args or self.function_kwargs):
            found.append("function_args and function_kwargs go with target_function")
        for option, path in (("path", self.path), ("starting_path", self.starting_path)):
            try:
                _ = path is None or parse_tail_path(option, path)
            except ValueError as error:
                found.append(str(error))
        return found

    def replacer_maker(self) -> Callable[[], Replacer]:
        """Return what makes a ``Replacer``, which is for one message."""
        start = () if self.starting_path is None else parse_tail_path("starting_path", self.starting_path)
        return partial(Replacer, parse_tail_path("path", self.path), start, self.function)

    def replaces_column(self, name: str) -> bool:
        """Return whether the whole value of a column is replaced."""
        return self.replacer_maker()().matches((name,))

    @property
    def function(self) -> Callable[[Any], Any]:
        """What makes the new value of the old one."""
        if "target_value" in self.model_fields_set:
            return lambda _: copy_document(self.target_value)
        return lambda old: self.target_function(old, *self.function_args, **self.function_kwargs)


if TYPE_CHECKING:
    from nanotyped.types.base import DataType

    TransformOption = Transform | Mapping[str, Any]
else:
    TransformOption = Transform  # what a file is held to


@register_node
class SimpleTransforms(NanoNode[object, Any]):
    """Replaces values wherever in the message the way to them ends in a path of names.

    The way begins with a column and goes on by the keys of objects; positions in lists do not count, so that ``price``
    is every price in a list of orders. The message that came is not changed: what is sent is another. Transforms
    follow each other in order, and one that lies inside of another's place comes first.

    Needs: nothing. Gives: the whole message. A column that is itself replaced by ``target_value`` gets that one's type;
    what a function gives for a whole column is known only where ``output_schema`` says so.

    Args:
        transform_mapping: The transforms, each with ``path`` and ``target_value`` or ``target_function`` (with
            ``function_args`` and ``function_kwargs``), and ``starting_path``.
        missing_keypath_action: What becomes of a row without any such place: ``ignore``, or ``error``.

    Raises:
        WrongOptionsError: With everything that is wrong with the transforms.
    """

    stateless = True

    def __init__(
        self,
        *,
        transform_mapping: Sequence[TransformOption] = (),
        missing_keypath_action: Literal["ignore", "error"] = "ignore",
        **kwargs: Any,
    ) -> None:
        problems: list[str] = []
        if missing_keypath_action not in ("ignore", "error"):
            hint = nearest_hint(str(missing_keypath_action), ("ignore", "error"))
            problems.append(
                f"missing_keypath_action must be ignore or error, not {missing_keypath_action!r}"
                + (f"; {hint}" if hint else "")
            )
        self.transforms = _parsed(transform_mapping, problems)
        if problems:
            raise WrongOptionsError(problems)
        self.missing_keypath_action = missing_keypath_action
        if "transform_mapping" in self.given_options:  # entries of files are models; so are those of code from here on
            self.given_options = GivenOptions({**self.given_options, "transform_mapping": self.transforms})
        self._makers = [transform.replacer_maker() for transform in self.transforms]
        self._constants: dict[str, type[DataType] | None] = {}
        super().__init__(**kwargs)

    def output_schema_for(self, given: Schema | None) -> Schema | None:
        """Return the incoming schema, with the types of the columns that are replaced by constants."""
        if given is None or self.output_schema is not None:
            return super().output_schema_for(given)
        columns = {column.name: column for column in given}
        for transform in self.transforms:
            for name in filter(transform.replaces_column, given.names):
                if "target_function" in transform.model_fields_set:
                    return None
                columns[name] = constant_column(name, transform.target_value)
        return Schema(columns.values())

    def column_origin(self, column: str, given: Schema | None) -> Origin:
        """Return whether the column is replaced, or something in it."""
        if given is None or column not in given:
            return super().column_origin(column, given)
        for transform in reversed(self.transforms):
            if transform.replaces_column(column):
                if "target_value" in transform.model_fields_set:
                    return Origin("constant", detail=shown(transform.target_value))
                return Origin("made", (column,))
        is_document = given[column].type.intermediate_type.family is JSON
        return Origin("made" if is_document and self.transforms else "passed on", (column,))

    def process_item(self) -> Iterator[Any]:
        """Yield the message with the new values."""
        message = self.__message__
        old = message.to_python() if isinstance(message, Row) else message
        new = old
        for transform, make_replacer in zip(self.transforms, self._makers, strict=True):
            replacer = make_replacer()
            new = replacer.inside(new, ())
            if not replacer.count and self.missing_keypath_action == "error":
                raise RowError(f"nothing lies at `{_dotted(transform.path)}`")
        if new is old or not isinstance(message, Row):
            yield message if new is old else new
            return
        changed = {name: self._typed(name, value) for name, value in new.items() if value is not old[name]}
        # What is not sent along by itself keeps its types here.
        yield changed if self.retain_input and sees_all(self) else {**message, **changed}

    def _typed(self, column: str, value: Any) -> Any:
        """Return a new value of a column; one that is a constant in the type that the check knows it by."""
        if column not in self._constants:
            last = next((found for found in reversed(self.transforms) if found.replaces_column(column)), None)
            is_constant = last is not None and "target_value" in last.model_fields_set
            self._constants[column] = constant_column(column, last.target_value).type if last and is_constant else None
        kind = self._constants[column]
        return value if kind is None else kind(value, name=column)


def _parsed(given: Sequence[Any], problems: list[str]) -> tuple[Transform, ...]:
    """Return the transforms of the option; what is wrong is added to ``problems``, with the number of the entry."""
    found = []
    for number, entry in enumerate(given, 1):
        place = f"transform_mapping, entry {number}"
        if not isinstance(entry, Mapping | Transform):
            problems.append(f"{place}: a mapping is wanted, not {shown(entry)}")
            continue
        if isinstance(entry, Mapping):
            known = Transform.model_fields
            if unknown := [name for name in entry if name not in known]:
                hints = [f"`{name}`{_hint(str(name), known)}" for name in unknown]
                problems.append(f"{place} has no option {', '.join(hints)}")
                continue
            if "path" not in entry:
                problems.append(f"{place} needs a path")
                continue
            try:
                entry = Transform.model_validate(_with_function(entry))  # noqa: PLW2901 - from here on it is one
            except (ValueError, TypeError) as error:
                problems += [f"{place}: {finding}" for finding in _findings(error)]
                continue
        problems += [f"{place}: {problem}" for problem in entry.problems()]
        found.append(entry)
    return tuple(found)


def _with_function(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry that code gave: unlike a file it may name any function, ``package__module__function``."""
    given = dict(entry)
    name = given.get("target_function")
    if isinstance(name, str) and "__" in name:
        given["target_function"] = resolve_function(name, "target_function")
    return given


def _findings(error: ValueError | TypeError) -> list[str]:
    if not isinstance(error, ValidationError):
        return [str(error)]
    return [f"{found['loc'][0]}: {found['msg'].removeprefix('Value error, ')}" for found in error.errors()]


def _hint(name: str, known: Mapping[str, Any]) -> str:
    hint = nearest_hint(name, known)
    return f" ({hint})" if hint else ""


def _dotted(path: TailPath) -> str:
    return path if isinstance(path, str) else ".".join(path)


# -- AggregateValues -----------------------------------------------------------------------


@register_node
class AggregateValues(NanoNode[object, Any]):
    """Gathers the values at all places of a message whose path of names ends in a path, as one list.

    The way begins with a column and goes on by the keys of objects; positions in lists do not count. The values are in
    document order; a column that no document can hold as it is, such as a date, is in the JSON form of its type. Where
    there are none the list is empty.

    Needs: nothing. Gives: a list, usually under ``output_key``.

    Args:
        tail_path: The name that the places have, or the last names on the way to them.
        values: Whether the values of the objects that lie there are gathered, in place of the objects.

    Raises:
        ValueError: If the path is none.
    """

    stateless = True

    def __init__(self, *, tail_path: str | list[str], values: bool = False, **kwargs: Any) -> None:
        self.tail_path = parse_tail_path("tail_path", tail_path)
        self.values = values
        super().__init__(**kwargs)

    def own_output(self) -> Schema | None:
        """Return that it is a document."""
        return super().own_output() or Schema([Column(BARE_VALUE, JSON)])

    def process_item(self) -> Iterator[list[Any]]:
        """Yield the list."""
        message = self.__message__
        found = list(
            values_at(_document(message, self.tail_path) if isinstance(message, Row) else message, self.tail_path)
        )
        if self.values:
            found = [value for item in found for value in _values_of(item, _dotted(self.tail_path))]
        yield [copy_document(None if value is JSON_NULL else value) for value in found]


def _values_of(item: Any, path: str) -> Iterable[Any]:
    if item is None or item is JSON_NULL:
        return ()
    if isinstance(item, list | tuple):  # positions do not count here either
        return [value for inner in item for value in _values_of(inner, path)]
    if not isinstance(item, Mapping):
        raise RowError(f"an object is wanted at `{path}`, got {shown(item)}")
    return item.values()


def _document(row: Row, tail: tuple[str, ...]) -> dict[str, Any]:
    """Return a row as a document; a column that ``tail`` leads to is in the JSON form of its type, if no JSON itself.

    Raises:
        RowError: If a type has none.
    """
    document = row.to_python()
    for column in row_info(type(row)).schema:
        value = document[column.name]
        if (column.name,) != tail or value is None or is_json_column(column):
            continue
        try:
            document[column.name] = msgspec.to_builtins(json_form(column.type).encode(value))
        except IncompatibleTypesException as error:
            raise RowError(f"column `{column.name}`: {error}", column=column.name) from None
    return document
