"""Rows as JSON: ``RowEncoder``, compiled once for a schema."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC
from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import msgspec

from nanotyped.errors import IncompatibleTypesException, NodeOptionError, RowError, TypeCastError, shown
from nanotyped.row.rows import is_json_key, row_info
from nanotyped.row.schema import BARE_VALUE
from nanotyped.types.intermediate import DATETIME, DECIMAL, ENUM, FLOAT, MAX_FSP, NULL, STRING, TIMESTAMP
from nanotyped.types.json import JsonForm, json_form
from nanotyped.types.json_numbers import is_number, json_number_form

if TYPE_CHECKING:
    from nanotyped.row.rows import Row
    from nanotyped.row.schema import Column, Schema

Numbers: TypeAlias = 'Literal["all"] | Collection[str]'
"""The columns that are JSON numbers with all their digits: their names, or all whose values are numbers."""

ToWire = Callable[[Sequence["Row"]], Sequence[Any]]

# A Decimal that is left to it is written as text; all of ours have gone through their own form before.
_json = msgspec.json.Encoder()


class RowEncoder:
    """Encodes rows of a schema as JSON, each value in the form of its column's type (``nanotyped.types.json``).

    The keys are the column names, in order; a bare value is encoded bare. Where msgspec's own forms are right for every
    column, rows are encoded in C as they are; else they are brought into wire form by code compiled for their class.
    ``NaN`` and the infinities, which JSON cannot spell, are errors. Safe to use from several threads.

    Args:
        schema: Of the rows; they may be of any class that has it.
        numbers: The columns that are numbers with all their digits, where their type alone would make them strings:
            64-bit integers and decimals.

    Raises:
        IncompatibleTypesException: If a column's values have no JSON form, or are no numbers and are to be; names the
            column.
    """

    def __init__(self, schema: Schema, numbers: Numbers = ()) -> None:
        self.schema = schema
        self._numbers = number_columns(schema, numbers)
        self._forms: dict[str, JsonForm | None] = {column.name: self._form_of(column) for column in schema}
        self._floats = [column.name for column in schema if column.type.intermediate_type.family is FLOAT]
        self._is_bare = schema.names == (BARE_VALUE,)
        plain_names = all(map(is_json_key, schema.names))
        native_forms = all(form is None or form.native for form in self._forms.values())
        self._is_native = not self._is_bare and plain_names and native_forms
        self._to_wire: dict[type[Row], ToWire] = {}
        self._wire_class: Callable[..., Any] | None = None
        if not self._is_native and not self._is_bare:
            self._wire_class = _make_wire_class(schema) if plain_names else _make_wire_dict(schema)

    @staticmethod
    def problems(schema: Schema, label: str, numbers: Numbers = ()) -> list[NodeOptionError]:
        """Return the columns that have no JSON form, and those that cannot be numbers; ``label`` is the node's name."""
        found: list[NodeOptionError] = []
        for name in dict.fromkeys(numbers if numbers != "all" else ()):
            if name not in schema:
                reason, hint = f"there is no column `{name}`", schema.missing_column(name)
            elif not is_number(schema[name].type):
                reason = f"column `{name}` is `{schema[name].spelling()}`, which is no number in JSON"
                hint = f"put a Cast of `{name}` to a number before it" if _is_text(schema[name]) else ""
            else:
                continue
            found.append(NodeOptionError(f"node `{label}`, numbers: {reason}", node=label, hint=hint))
        for column in schema:
            try:
                form_of(column)
            except IncompatibleTypesException as error:
                found.append(NodeOptionError(f"node `{label}`: {error}", node=label))
        return found

    def array(self, rows: Sequence[Row], first: int = 1) -> bytes:
        """Return a JSON array of the rows.

        Args:
            rows: Rows of the schema.
            first: Number of the first of them, for messages.

        Raises:
            RowError: If a value has no JSON form, such as ``NaN``; names row and column.
        """
        return self._encode(_json.encode, rows, first)

    def lines(self, rows: Sequence[Row], first: int = 1) -> bytes:
        """Return the rows as JSON lines (NDJSON), each with its line end; arguments and errors as of ``array``."""
        return self._encode(_json.encode_lines, rows, first)

    def array_under(self, key: str, rows: Sequence[Row], first: int = 1) -> bytes:
        """Return an object that holds the array of the rows under ``key``; else as ``array``."""
        return b"{%b:%b}" % (_json.encode(key), self.array(rows, first))

    def object(self, row: Row, number: int = 1) -> bytes:
        """Return one row as a JSON object; ``number`` and errors as of ``array``."""
        return self.array([row], number)[1:-1]

    def _encode(self, encode: Callable[[Any], bytes], rows: Sequence[Row], first: int) -> bytes:
        try:
            self._check_floats(rows)
            return encode(rows if self._is_native else self._wired(rows))
        except (TypeCastError, UnicodeEncodeError, ValueError, TypeError, OverflowError):
            raise self._error(rows, first) from None

    def _check_floats(self, rows: Sequence[Row]) -> None:
        if not self._floats or not rows:
            return
        fields = row_info(type(rows[0])).fields
        for name in self._floats:
            # Nulls and zeros are left out. A sum may overflow though no summand is infinite: then each is looked at.
            values = list(filter(None, map(attrgetter(fields[name]), rows)))
            if not math.isfinite(sum(values)) and not all(map(math.isfinite, values)):
                raise ValueError("not finite")

    def _wired(self, rows: Sequence[Row]) -> Sequence[Any]:
        if not rows:
            return rows
        row_class = type(rows[0])
        to_wire = self._to_wire.get(row_class)
        if to_wire is None:
            to_wire = self._to_wire[row_class] = self._compile(row_class)
        return to_wire(rows)

    def _compile(self, row_class: type[Row]) -> ToWire:
        fields = row_info(row_class).fields
        names: dict[str, Any] = {"make": self._wire_class}
        cells = []
        for column in self.schema:
            form, field = self._forms[column.name], f"row.{fields[column.name]}"
            if form is None or form.native:
                cells.append(field)
                continue
            names |= form.names
            value = "value" if column.nullable else field
            written = form.source.format(value=value)
            short = _short_way(column, number=column.name in self._numbers)
            if short is not None:
                names |= short.names
                condition, plain = short.condition.format(value=value), short.written.format(value=value)
                written = f"({plain} if {condition} else {written})"
            cells.append(f"(None if (value := {field}) is None else {written})" if column.nullable else written)
        made = cells[0] if self._is_bare else f"make({', '.join(cells)})"
        # Names of fields and of our own functions become code; values never do.
        code = f"lambda rows: [{made} for row in rows]"
        found: ToWire = eval(compile(code, "<compiled for a schema>", "eval"), names)  # noqa: S307 - see above
        return found

    def _form_of(self, column: Column) -> JsonForm | None:
        return form_of(column, number=column.name in self._numbers)

    def _error(self, rows: Sequence[Row], first: int) -> RowError:
        """Return the error of the first cell that cannot be encoded."""
        for number, row in enumerate(rows, first):
            for column, value in zip(self.schema, row.to_python().values(), strict=True):
                reason = _cell_problem(self._forms[column.name], value)
                if reason:
                    text = f"row {number}, column `{column.name}`: {shown(value)} has no JSON form: {reason}"
                    error = RowError(text, row=number, column=column.name)
                    error.row_text = shown(row)
                    return error
        return RowError("these rows have no JSON form", row=first)


def checked_numbers(option: Numbers | None) -> Numbers:
    """Return what an option ``numbers`` says.

    Raises:
        ValueError: If it is a text other than ``all``.
    """
    if isinstance(option, str) and option != "all":
        raise ValueError(f"numbers is a list of columns, or `all`, not {shown(option)}")
    return option if option == "all" else tuple(option or ())


def number_columns(schema: Schema, numbers: Numbers) -> frozenset[str]:
    """Return the names of the columns that are to be JSON numbers; with ``all``, of those that can be."""
    if numbers == "all":
        return frozenset(column.name for column in schema if is_number(column.type))
    return frozenset(numbers)


def form_of(column: Column, *, number: bool = False) -> JsonForm | None:
    """Return the form of a column, ``None`` for one that is always null.

    Raises:
        IncompatibleTypesException: If it has none; names the column.
    """
    if column.type.intermediate_type is NULL:
        return None
    try:
        return json_number_form(column.type) if number else json_form(column.type)
    except IncompatibleTypesException as error:
        raise IncompatibleTypesException(f"column `{column.name}`: {error}") from None


def _is_text(column: Column) -> bool:
    return column.type.intermediate_type.family in (STRING, ENUM)


class _ShortWay(NamedTuple):
    """Python source with ``{value}`` in it: when it may be taken, and what is written then; and the objects of both."""

    condition: str
    names: Mapping[str, Any]
    written: str = "{value}"


def _short_way(column: Column, *, number: bool) -> _ShortWay | None:
    """Return when a value's form is the one that msgspec writes, or ``str``; ``None`` where there is no such condition.

    Up to six digits behind the point ``str`` writes no exponent, and msgspec writes a Decimal by ``str``; a moment it
    writes with six digits of a fraction, or none where they are zeros. To ask is much faster than to write the form.
    """
    kind: Any = column.type.intermediate_type
    if kind.family is DECIMAL and kind.scale is not None and kind.scale <= 6:
        name = f"at_scale_{kind.scale}"
        names = {name: Decimal((0, (1,), -kind.scale)).same_quantum}
        if number:
            return _ShortWay(f"{name}({{value}})", {**names, "Raw": msgspec.Raw}, "Raw(str({value}).encode())")
        return _ShortWay(f"{name}({{value}})", names)
    if kind.family in (DATETIME, TIMESTAMP) and kind.fsp == MAX_FSP:
        zone = "UTC" if kind.family is TIMESTAMP else "None"
        return _ShortWay(f"{{value}}.microsecond and {{value}}.tzinfo is {zone}", {"UTC": UTC})
    return None


def _make_wire_class(schema: Schema) -> type[Any]:
    """Return a Struct whose fields are encoded under the column names; no values of it are kept."""
    fields = [(f"c{index}", Any, msgspec.field(name=name)) for index, name in enumerate(schema.names)]
    return msgspec.defstruct("Wire", fields, gc=False)


def _make_wire_dict(schema: Schema) -> Callable[..., dict[str, Any]]:
    """Return what does the same as a wire class, slower, for names that JSON must escape."""
    names = schema.names
    return lambda *values: dict(zip(names, values, strict=True))


def _cell_problem(form: JsonForm | None, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and not math.isfinite(value):
        return "not finite"
    try:
        _json.encode(form.encode(value) if form is not None else value)
    except TypeCastError as error:
        return error.reason
    except (UnicodeEncodeError, ValueError, TypeError, OverflowError) as error:
        return str(error)
    return ""
