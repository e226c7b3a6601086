"""Rows as Arrow record batches and back: ``ArrowEncoder`` and ``ArrowDecoder``, each made once for a schema.

The fields of an Arrow schema say in their metadata, under ``nanotyped``, which column type they stand for: a JSON
object of its system, its spelling, whether it belongs to the key, and its family and parameters where the spelling
alone does not lead back to the type. So a schema comes back as the very same, also by way of a Parquet file. Fields
without that are read by their Arrow types. Needs pyarrow (``pip install nanotyped[arrow]``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeAlias

from nanotyped.errors import CellProblem, IncompatibleTypesException, RowError, RowValidationError, TypeSyntaxError
from nanotyped.row.arrow_label import LABEL, parse_label, render_label
from nanotyped.row.rows import astuple, row_info
from nanotyped.row.schema import Column, Schema
from nanotyped.row.validation import Validator
from nanotyped.types.arrow import (
    ARROW_NULL,
    ArrowType,
    ArrowTypeSystem,
    Broken,
    arrow_type_of,
    broken_cells,
    load_pyarrow,
    make_array,
    read_array,
)
from nanotyped.types.compat import check_assignable

if TYPE_CHECKING:
    import pyarrow as pa

    from nanotyped.row.rows import Row

    Tabular: TypeAlias = "pa.RecordBatch | pa.Table | pa.RecordBatchReader"

MAX_BATCH_ROWS = 65_536  # of a table read at once: what rows of it take in memory stays flat


class ArrowEncoder:
    """Makes record batches of rows of a schema. Safe to use from several threads.

    Args:
        schema: Of the rows. Its columns may be of any type system.

    Attributes:
        schema: The same.
        arrow_schema: The schema of the batches, a ``pyarrow.Schema``.

    Raises:
        ExceptionGroup: Of ``IncompatibleTypesException``, one for each column that Arrow cannot hold.
        IncompatibleTypesException: If there is no column at all.
        MissingExtraError: If pyarrow is not installed.
    """

    def __init__(self, schema: Schema) -> None:
        if not schema.columns:
            raise IncompatibleTypesException("rows of no columns have no place in Arrow, which counts rows by columns")
        arrow = load_pyarrow()
        fields: list[Any] = []
        problems: list[IncompatibleTypesException] = []
        for column in schema:
            try:
                target = arrow_type_of(column.type).arrow_type()
            except IncompatibleTypesException as error:
                problems.append(IncompatibleTypesException(f"column `{column.name}`: {error}"))
                continue
            label = {LABEL: render_label(column)}
            fields.append(arrow.field(column.name, target, nullable=column.nullable, metadata=label))
        if problems:
            raise ExceptionGroup("the schema has columns that Arrow cannot hold", problems)
        self.schema = schema
        self.arrow_schema: pa.Schema = arrow.schema(fields)
        self._validator = Validator(schema)

    def batch(self, rows: Sequence[Row], first: int = 1) -> pa.RecordBatch:
        """Return a record batch of the rows, which are checked first, for pyarrow cuts off what does not fit.

        Args:
            rows: Rows whose columns are those of the schema, in order.
            first: Number of the first of them, for messages.

        Raises:
            RowValidationError: With every broken cell.
            RowError: If rows have other columns, or a column is too large for one batch.
        """
        for row_class in set(map(type, rows)):
            names = row_info(row_class).schema.names
            if names != self.schema.names:
                raise RowError(f"the rows have the columns {_quoted(names)}, not {_quoted(self.schema.names)}")
        checked = self._validator.check_rows(list(rows), first)
        columns = _columns_of(checked, len(self.schema))
        arrays: list[Any] = []
        broken: dict[tuple[int, str], CellProblem] = {}
        for column, values in zip(self.schema, columns, strict=True):
            try:
                arrays.append(make_array(column.type, values))
            except (ValueError, ArithmeticError) as error:
                found = broken_cells(column.type, values)
                if not found:
                    raise RowError(f"column `{column.name}`: {error}", column=column.name) from error
                broken |= _placed(column, found, first)
        if broken:
            raise RowValidationError(_in_order(broken, self.schema))
        arrow = load_pyarrow()
        made: pa.RecordBatch = arrow.RecordBatch.from_arrays(arrays, schema=self.arrow_schema)
        return made


class ArrowDecoder:
    """Makes rows of record batches of an Arrow schema, each cell held to its column. Safe to use from several threads.

    Args:
        arrow_schema: Of the batches.
        schema: What the rows are to be: a contract, whose columns are looked for by name. Without it, what the fields
            say in their metadata, and the Arrow types of fields that say nothing.

    Attributes:
        schema: Of the rows.
        arrow_schema: As it was given.

    Raises:
        ExceptionGroup: Of ``IncompatibleTypesException``, one for each field that no column type holds exactly, whose
            metadata contradicts its type, or that does not fit the contract.
        MissingExtraError: If pyarrow is not installed.
    """

    def __init__(self, arrow_schema: pa.Schema, schema: Schema | None = None) -> None:
        load_pyarrow()
        places: list[type[ArrowType]] = []
        columns: list[Column] = []
        problems: list[IncompatibleTypesException] = []
        names = arrow_schema.names if schema is None else schema.names
        for name in dict.fromkeys(names):
            try:
                place, column = _read_field(arrow_schema, name, None if schema is None else schema[name])
            except IncompatibleTypesException as error:
                problems.append(IncompatibleTypesException(f"column `{name}`: {error}"))
                continue
            places.append(place)
            columns.append(column)
        if problems:
            raise ExceptionGroup("the Arrow schema has columns that cannot be read", problems)
        self.arrow_schema = arrow_schema
        self.schema = schema or Schema(columns)
        self._places = places
        self._validator = Validator(self.schema)

    def rows(self, batch: pa.RecordBatch, first: int = 1) -> list[Row]:
        """Return the rows of a record batch.

        Args:
            batch: Of the decoder's Arrow schema; metadata is not looked at.
            first: Number of its first row, for messages.

        Raises:
            IncompatibleTypesException: If it is of another schema.
            RowValidationError: With every broken cell: nulls where none may be, and values that are none of the type.
        """
        if not batch.schema.equals(self.arrow_schema):
            raise IncompatibleTypesException(
                f"the batch has the columns {_spelled(batch.schema)}, not {_spelled(self.arrow_schema)}"
            )
        columns = [
            read_array(column.type, place, batch.column(column.name))
            for column, place in zip(self.schema, self._places, strict=True)
        ]
        tuples = list(zip(*columns, strict=True)) if columns else [()] * batch.num_rows
        broken: dict[tuple[int, str], CellProblem] = {}
        for column, values in zip(self.schema, columns, strict=True):
            if Broken in set(map(type, values)):
                found = {index: value for index, value in enumerate(values) if type(value) is Broken}
                broken |= _placed(column, found, first)
        try:
            found_rows = self._validator.rows(tuples, first)
        except RowValidationError as error:
            others = {(problem.row, problem.column): problem for problem in error.problems}
            raise RowValidationError(_in_order(others | broken, self.schema)) from None
        if broken:
            raise RowValidationError(_in_order(broken, self.schema))
        return found_rows

    def read(self, data: Tabular) -> Iterator[Row]:
        """Yield the rows of a record batch, of a table, or of a reader of batches, a batch in memory at a time.

        Raises:
            IncompatibleTypesException: If it is of another schema.
            RowValidationError: With every broken cell of the first batch that has one; its rows are counted from the
                start of the data.
        """
        first = 1
        for batch in _batches(data):
            yield from self.rows(batch, first)
            first += batch.num_rows


def _read_field(arrow_schema: pa.Schema, name: str, wanted: Column | None) -> tuple[type[ArrowType], Column]:
    """Return the Arrow type of a field, and its column; a contract's own where one is wanted."""
    found = arrow_schema.get_all_field_indices(name)
    if len(found) != 1:
        raise IncompatibleTypesException(f"it stands {len(found)} times in the Arrow schema, not once")
    field = arrow_schema.field(found[0])
    try:
        place = ArrowTypeSystem.type_mapping(str(field.type))
    except TypeSyntaxError as error:
        raise IncompatibleTypesException(f"no column type holds `{field.type}` exactly: {error.reason}") from None
    if wanted is not None:
        _check_place(place, wanted, f"`{wanted.type.spelling()}` is needed")
        return place, wanted
    text = (field.metadata or {}).get(LABEL)
    if text is None:
        return place, Column(name, place, nullable=field.nullable)
    try:
        label = parse_label(text)
    except IncompatibleTypesException as error:
        raise IncompatibleTypesException(f"{error}; remove it to read the field as `{place.spelling()}`") from None
    column = Column(name, label.type, nullable=field.nullable, key=label.key)
    _check_place(place, column, f"its metadata says `{label.type.spelling()}`")
    return place, column


def _check_place(place: type[ArrowType], column: Column, claim: str) -> None:
    """Raise if some value of a field's Arrow type is none of what a column of that type has in Arrow."""
    expected = arrow_type_of(column.type)
    same_family = place.intermediate_type.family is expected.intermediate_type.family
    if place is expected or place is ARROW_NULL or (same_family and not check_assignable(place, expected)):
        return
    raise IncompatibleTypesException(
        f"{claim}, which is `{expected.spelling()}` in Arrow, but the field is `{place.spelling()}`; "
        f"cast it to `{expected.spelling()}`"
    )


def _batches(data: Any) -> Iterator[pa.RecordBatch]:
    if hasattr(data, "to_batches"):
        yield from data.to_batches(max_chunksize=MAX_BATCH_ROWS)
    elif hasattr(data, "num_rows"):
        for start in range(0, data.num_rows, MAX_BATCH_ROWS):
            yield data.slice(start, MAX_BATCH_ROWS)
    else:
        for batch in data:
            yield from _batches(batch)


def _columns_of(rows: list[Row], width: int) -> list[Sequence[Any]]:
    classes = set(map(type, rows))
    if len(classes) == 1:  # four times as fast as by way of tuples
        return [list(map(attrgetter(field), rows)) for field in row_info(classes.pop()).fields.values()]
    return list(zip(*map(astuple, rows), strict=True)) or [()] * width


def _placed(column: Column, broken: dict[int, Broken], first: int) -> dict[tuple[int, str], CellProblem]:
    return {
        (first + index, column.name): CellProblem(
            first + index, column.name, column.spelling(), value.shown, value.reason
        )
        for index, value in broken.items()
    }


def _in_order(problems: dict[tuple[int, str], CellProblem], schema: Schema) -> list[CellProblem]:
    place = {name: index for index, name in enumerate(schema.names)}
    return sorted(problems.values(), key=lambda problem: (problem.row, place[problem.column]))


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _spelled(arrow_schema: pa.Schema) -> str:
    return ", ".join(f"`{field.name}` {field.type}{'' if field.nullable else ' not null'}" for field in arrow_schema)
