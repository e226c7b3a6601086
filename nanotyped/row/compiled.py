"""Code compiled for pairs of row classes: rows of one class made from rows of another, merged and extended rows.

What is compiled names only Struct fields, which are identifiers by construction; values never become code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from nanotyped.errors import RowError, nearest_hint
from nanotyped.row.rows import required_fields, row_info
from nanotyped.types.compat import check_assignable
from nanotyped.types.convert import value_converter
from nanotyped.types.intermediate import JSON

if TYPE_CHECKING:
    from nanotyped.row.rows import Row, RowBase
    from nanotyped.types.base import DataType

Projection: TypeAlias = "Callable[[Sequence[Row]], list[Row]]"
Merger: TypeAlias = "Callable[[Iterable[tuple[Row, Row]]], list[Row]]"
Extension: TypeAlias = "Callable[[RowBase, Mapping[str, object]], Any]"


def compile_projection(source: type[Row], target: type[Row]) -> Projection:
    """Return code that makes rows of ``target`` from rows of ``source``, column by column of the same name.

    A value whose Python class changes on the way up (int to Decimal, date to datetime) is converted. Where a type does
    not fit, its values are taken as they are: each may fit all the same, which is for a ``Validator`` to say.

    Raises:
        RowError: If ``source`` lacks a column.
    """
    given, wanted = row_info(source), row_info(target)
    names: dict[str, Any] = {"make": target}
    arguments = []
    for column in wanted.schema:
        if column.name not in given.fields:
            raise RowError(
                f"the row has no column `{column.name}`; {given.schema.missing_column(column.name)}", column=column.name
            )
        expression = f"row.{given.fields[column.name]}"
        arguments.append(_converted(expression, given.schema[column.name].type, column.type, names))
    projection: Projection = _compile(f"lambda rows: [make({', '.join(arguments)}) for row in rows]", names)
    return projection


def compile_merger(first: type[Row], second: type[Row]) -> Merger:
    """Return code that merges pairs of rows: the columns of the first, then those of the second, which wins."""
    one, other = row_info(first), row_info(second)
    merged = one.schema.merge(other.schema)
    arguments = [
        f"b.{other.fields[name]}" if name in other.fields else f"a.{one.fields[name]}" for name in merged.names
    ]
    # Where the second class has all columns of the merged row, and in this order, its rows are the merged rows.
    if merged == other.schema:
        return lambda pairs: [b for _, b in pairs]
    source = f"lambda pairs: [make({', '.join(arguments)}) for a, b in pairs]"
    merger: Merger = _compile(source, {"make": merged.row_class()})
    return merger


@lru_cache(maxsize=256)
def compile_extension(source: type[RowBase], target: type[RowBase], added: frozenset[str]) -> Extension:
    """Return code that makes a row of ``target`` from one of ``source`` and values for the added fields, which win.

    Values are taken, or converted, as in a projection.

    Raises:
        TypeError: If a field is added that ``target`` has not, or a column without default is in neither.
    """
    given, wanted = row_info(source), row_info(target)
    required, known = required_fields(target), [*wanted.fields.values()]
    problems = [f"it has no field `{name}`{_hinted(name, known)}" for name in sorted(added.difference(known))]
    names: dict[str, Any] = {"make": target}
    arguments = []
    for column in wanted.schema:
        field = wanted.fields[column.name]
        if field in added:
            arguments.append(f"{field}=added[{field!r}]")
        elif column.name in given.fields:
            value = f"row.{given.fields[column.name]}"
            arguments.append(f"{field}={_converted(value, given.schema[column.name].type, column.type, names)}")
        elif field in required:
            problems.append(f"column `{column.name}` is neither in the row nor added")
    if problems:
        raise TypeError(f"{target.__name__}: {'; '.join(problems)}")
    extension: Extension = _compile(f"lambda row, added: make({', '.join(arguments)})", names)
    return extension


def _hinted(name: str, known: Sequence[str]) -> str:
    hint = nearest_hint(name, known)
    return f", {hint}" if hint else ""


def compile_copier(row_class: type[Row]) -> Projection | None:
    """Return code that copies rows and the documents in them; ``None`` where no column can be changed by who has it."""
    info = row_info(row_class)
    documents = {column.name for column in info.schema if _is_mutable(column.type.intermediate_type)}
    if not documents:
        return None
    arguments = [f"copy(row.{field})" if name in documents else f"row.{field}" for name, field in info.fields.items()]
    source = f"lambda rows: [make({', '.join(arguments)}) for row in rows]"
    copier: Projection = _compile(source, {"make": row_class, "copy": copy_document})
    return copier


def _is_mutable(kind: type[DataType]) -> bool:
    return kind.family is JSON or kind.python_type in (dict, list)


def copy_document(value: Any) -> Any:
    """Return a JSON document of which every object and list is a new one."""
    if isinstance(value, Mapping):
        return {key: copy_document(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [copy_document(item) for item in value]
    return value


def _converted(expression: str, given: type[DataType], needed: type[DataType], names: dict[str, Any]) -> str:
    convert = value_converter(given, needed) if not check_assignable(given, needed) else None
    if convert is None:
        return expression
    name = f"convert_{len(names)}"
    names[name] = convert
    return f"(None if {expression} is None else {name}({expression}))"


def _compile(source: str, names: dict[str, Any]) -> Any:
    return eval(compile(source, "<compiled for a schema>", "eval"), names)  # noqa: S307 - field names alone, see above
