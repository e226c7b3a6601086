"""Nodes that give rows other columns: ``InsertData``, ``Remapper``, ``Cast``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from nanotyped.errors import (
    GraphProblem,
    IncompatibleTypesException,
    NodeOptionError,
    shown,
)
from nanotyped.node import Origin
from nanotyped.nodes.cast_options import CastDeclaration, parse_casts
from nanotyped.nodes.casting import Lossy, cast_problem, make_caster
from nanotyped.nodes.constants import constant_column
from nanotyped.nodes.making import Cell, Computed, Constant, Filled, MakingNode, Plan, Taken
from nanotyped.registry import register_node
from nanotyped.row import Column, Schema, parse_schema
from nanotyped.row.keypaths import MISSING, Keypath, reach
from nanotyped.types.base import DataType
from nanotyped.types.intermediate import JSON, JSON_NULL, NULL
from nanotyped.types.json import json_form

# -- InsertData ----------------------------------------------------------------------


@register_node
class InsertData(MakingNode):
    """Adds constant columns to every row.

    A constant is typed by its value, as narrow as may be (``"NL"`` is a text of two characters), or as
    ``output_schema`` declares it. One that fills the nulls of a column takes that column's type, and must fit it.

    Needs: nothing. Gives: the columns that come, and those of ``value_dict``.

    Args:
        value_dict: The constants by column name.
        overwrite: Whether a column that is there already is replaced.
        overwrite_if_null: Whether it is replaced where it is null.
        output_schema: Types of the constants, for exactly the columns of ``value_dict``.
    """

    stateless = True

    def __init__(
        self,
        *,
        value_dict: dict[str, Any] | None = None,
        overwrite: bool = True,
        overwrite_if_null: bool = True,
        **kwargs: Any,
    ) -> None:
        self.value_dict = dict(value_dict or {})
        self.overwrite = overwrite
        self.overwrite_if_null = overwrite_if_null
        super().__init__(**kwargs)

    def own_output(self) -> Schema:
        """Return the types of the constants, where none was there before.

        Raises:
            ValueError: If ``output_schema`` does not fit the constants.
            IncompatibleTypesException: If no type describes a constant.
        """
        if self.output_schema is None:
            return Schema(constant_column(name, value) for name, value in self.value_dict.items())
        declared = parse_schema(self.output_schema)
        if set(declared.names) != set(self.value_dict):
            raise ValueError(
                f"output_schema declares {_listed(declared.names)}, but value_dict holds {_listed(self.value_dict)}"
            )
        for column in declared:
            self._value_as(column)
        return declared

    def plan(self, given: Schema, problems: list[GraphProblem]) -> Plan:
        """Return the rows with the constants."""
        try:
            constants = self.own_output()
        except (ValueError, TypeError, ExceptionGroup) as error:
            problems.append(NodeOptionError(f"node `{self.label}`, value_dict: {error}", node=self.label))
            return Plan(given, {})
        columns: list[Column] = []
        cells: dict[str, Cell] = {}
        for column in constants:
            there = given.select([column.name]).columns[0] if column.name in given else None
            replaces = there is None or self.overwrite or (self.overwrite_if_null and there.type.family is NULL)
            if replaces:
                columns.append(column)
                cells[column.name] = Constant(self._value_as(column))
            elif there is not None:
                columns.append(self._filled(there, cells, problems))
        own = Plan(Schema(columns), cells)
        return Plan.keeping(given, own) if self.retain_input else own

    def _filled(self, there: Column, cells: dict[str, Cell], problems: list[GraphProblem]) -> Column:
        """Plan a column that is there and stays; return what becomes of it."""
        cells[there.name] = Taken(there.name)
        if not (self.overwrite_if_null and there.nullable):
            return there
        try:
            value = self._value_as(there)
        except ValueError as error:
            reason = f"node `{self.label}`: the constant cannot fill the nulls of column `{there.name}`: {error}"
            problems.append(NodeOptionError(reason, node=self.label))
            return there
        cells[there.name] = Filled(there.name, value)
        return Column(there.name, there.type, nullable=value is None, key=there.key)

    def _value_as(self, column: Column) -> Any:
        value = self.value_dict[column.name]
        value = value.value if isinstance(value, DataType) else value
        if value is not None:
            return column.type.python_cast_function(value)
        if not column.nullable:
            raise ValueError(f"column `{column.name}` is `{column.spelling()}`, and its constant is null")
        return None


# -- Remapper --------------------------------------------------------------------------


@register_node
class Remapper(MakingNode):
    """Builds new columns out of the columns of a row, and of what lies inside of their JSON.

    Needs: the columns that ``mapping`` names. Gives: a column for each key of ``mapping``, beside those that come
    unless ``retain_input`` is false. A column under a new name keeps its type. What lies inside of JSON, and what a
    nested mapping builds, is JSON; there every value is in the JSON form of its type.

    Args:
        mapping: New column to source. A source is the name of a column; a path into its JSON, dotted
            (``address.street``, ``items.0.price``) or as a list (``[address, street]``); or a mapping again, which
            builds an object. A key that is missing inside of JSON gives null; a missing column is an error.

    Raises:
        ValueError: If a source is none of these.
    """

    stateless = True

    def __init__(self, *, mapping: dict[str, Any] | None = None, **kwargs: Any) -> None:
        self.mapping = dict(mapping or {})
        for target, source in self.mapping.items():
            _check_source(target, source)
        super().__init__(**kwargs)

    def plan(self, given: Schema, problems: list[GraphProblem]) -> Plan:
        """Return the rows with the new columns."""
        columns: list[Column] = []
        cells: dict[str, Cell] = {}
        for target, source in self.mapping.items():
            column, cells[target] = self._target(target, source, given, problems)
            columns.append(column)
        own = Plan(Schema(columns), cells)
        return Plan.keeping(given, own) if self.retain_input else own

    def column_origin(self, column: str, given: Schema | None) -> Origin:
        """Return what the plan says of the column; where it is not known what comes, what ``mapping`` says alone."""
        source = self.mapping.get(column)
        if given is not None or not isinstance(source, str) or "." in source:
            return super().column_origin(column, given)
        return Origin("passed on" if source == column else "renamed", (source,))

    def _target(self, target: str, source: object, given: Schema, problems: list[GraphProblem]) -> tuple[Column, Cell]:
        if isinstance(source, Mapping):
            names: dict[str, None] = {}
            build = self._builder(source, given, problems, names)
            columns = tuple(names)
            return Column(target, JSON), Computed(
                columns, lambda *values: build(dict(zip(columns, values, strict=True)))
            )
        path = self._path(source, given, problems)
        if path is None:
            return Column(target, NULL), Constant(None)
        if not path.steps:
            there = given[path.column]
            return Column(target, there.type, nullable=there.nullable, key=there.key), Taken(path.column)
        steps = path.steps
        return Column(target, JSON, nullable=True), Computed((path.column,), lambda value: _at(value, steps))

    def _path(self, source: object, given: Schema, problems: list[GraphProblem]) -> Keypath | None:
        is_column = isinstance(source, str) and (source in given or "." not in source)
        path = Keypath.dotted(source) if isinstance(source, str) and not is_column else Keypath(source)  # type: ignore[arg-type]  # the constructor has checked it
        if found := path.problems(given, self.label):
            problems += found
            return None
        return path

    def _builder(
        self, mapping: Mapping[str, object], given: Schema, problems: list[GraphProblem], names: dict[str, None]
    ) -> Callable[[Mapping[str, Any]], Any]:
        """Return what builds a nested object of the values of columns; the columns' names are added to ``names``."""
        parts: dict[str, Callable[[Mapping[str, Any]], Any]] = {}
        for key, source in mapping.items():
            if isinstance(source, Mapping):
                parts[key] = self._builder(source, given, problems, names)
                continue
            path = self._path(source, given, problems)
            if path is None:
                continue
            names[path.column] = None
            parts[key] = self._leaf(path, given[path.column], problems)
        return lambda values: {key: part(values) for key, part in parts.items()}

    def _leaf(self, path: Keypath, column: Column, problems: list[GraphProblem]) -> Callable[[Mapping[str, Any]], Any]:
        name, steps = path.column, path.steps
        kind = column.type.intermediate_type.family
        if kind is JSON or steps:
            return lambda values: _plain_null(_at(values[name], steps))
        if kind is NULL:
            return lambda _: None
        try:
            encode = json_form(column.type).encode
        except IncompatibleTypesException as error:
            problems.append(NodeOptionError(f"node `{self.label}`: column `{name}`: {error}", node=self.label))
            return lambda _: None
        # What msgspec would write as text by itself must be text here: a document holds no dates.
        return lambda values: None if values[name] is None else msgspec.to_builtins(encode(values[name]))


def _at(value: Any, steps: tuple[str | int, ...]) -> Any:
    """Return what lies in a document: ``None`` where there is nothing, ``JSON_NULL`` where there is a null."""
    found = reach(value, steps)
    if found is MISSING or value is None:
        return None
    return JSON_NULL if found is None else found


def _plain_null(value: Any) -> Any:
    return None if value is JSON_NULL else value


def _check_source(target: str, source: object) -> None:
    match source:
        case str():
            Keypath(source)
        case list() | tuple():
            Keypath(source)
        case Mapping() if source:
            for key, inner in source.items():
                if not isinstance(key, str):
                    raise TypeError(f"mapping, `{target}`: a key is text, not {key!r}")
                _check_source(f"{target}.{key}", inner)
        case _:
            raise ValueError(f"mapping, `{target}`: a source is a column, a path or a mapping, not {shown(source)}")


# -- Cast ----------------------------------------------------------------------------------


@register_node
class Cast(MakingNode):
    """Gives columns another type. What cannot lose anything just passes; the rest must say how it may lose.

    Needs: the columns of ``columns``. Gives: all columns, those in their new types; one that may be null still may.

    Text is read and written as in CSV and JSON (``2024-05-06T07:08:09``, ``true``, ``12.50``). A float that is rounded
    is taken for the number that it prints as. A text, or a number in a document, is a float if the float, written with
    as many digits, is that number again: ``0.1`` is, ``9007199254740993`` is not. An integer or a decimal must be
    exactly some float. A document becomes its JSON text, however wide the column: ``"5"`` keeps its quotes, by which it
    is not ``5``. A bit(n) is as many bytes as the bits fit into, the most significant first. Casts of which no value
    can work (a date to a number) are refused before the run, and so are those between a datetime and a timestamp:
    whether there is a zone is no matter of form.

    Args:
        columns: Column to type, as SQL spells it (``decimal(10,2)``), or to ``{type: …, lossy: …, json: …}``. With
            ``json: string`` documents must be strings, and become the text that they hold, without quotes; by default,
            ``text``, any document becomes its JSON text.
        lossy: What becomes of a value that does not fit. ``fail``: the row is an error that names the column.
            ``round``: numbers and fractions of seconds, half away from zero. ``truncate``: the same towards zero (of a
            moment, towards the past), times of day for a date, and the ends of texts and bytes. ``saturate``: numbers
            and spans out of range become the nearest bound. Each mends its own kind of loss; any other still fails.

    Raises:
        WrongOptionsError: If a type is none, or ``lossy`` is none of these, or means nothing for the column that it is
            given for; names all such columns.
    """

    stateless = True

    def __init__(
        self,
        *,
        columns: dict[str, CastDeclaration],
        lossy: Lossy = "fail",
        **kwargs: Any,
    ) -> None:
        self.columns = columns
        self.lossy = lossy
        self._casts = parse_casts(columns, lossy)
        super().__init__(**kwargs)

    def plan(self, given: Schema, problems: list[GraphProblem]) -> Plan:
        """Return the rows in their new types."""
        columns: list[Column] = []
        cells: dict[str, Cell] = {}
        for name, cast in self._casts.items():
            needed = cast.type
            if name not in given:
                hint = given.missing_column(name)
                reason = f"node `{self.label}`: there is no column `{name}` to cast"
                problems.append(NodeOptionError(reason, node=self.label, hint=hint))
                columns.append(Column(name, needed))
                cells[name] = Constant(None)
                continue
            there = given[name]
            columns.append(Column(name, needed, nullable=there.nullable, key=there.key))
            if reason := cast_problem(there.type, needed, json_strings=cast.json_strings):
                text = f"node `{self.label}`: column `{name}` cannot be cast from `{there.type.spelling()}` to "
                problems.append(NodeOptionError(f"{text}`{needed.spelling()}`: {reason}", node=self.label))
                cells[name] = Constant(None)
                continue
            cells[name] = Taken(name, make_caster(there.type, needed, cast.lossy, json_strings=cast.json_strings))
        own = Plan(Schema(columns), cells)
        return Plan.keeping(given, own) if self.retain_input else own

    def column_origin(self, column: str, given: Schema | None) -> Origin:
        """Return that the column is cast, and how it may lose."""
        if column not in self._casts or (given is not None and column not in given):
            return super().column_origin(column, given)
        return Origin("cast", (column,), f"lossy: {self._casts[column].lossy}")


def _listed(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in names)
