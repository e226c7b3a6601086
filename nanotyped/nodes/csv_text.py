"""CSV that comes as text in messages: ``CSVReader`` and ``CSVToDictionaryList``."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from nanotyped.errors import RowError, shown
from nanotyped.node import NanoNode
from nanotyped.nodes.file_reading import MAX_LINE_BYTES
from nanotyped.registry import register_node
from nanotyped.row import Column, Row, Schema
from nanotyped.row.schema import BARE_VALUE
from nanotyped.types.intermediate import JSON, STRING


@register_node
class CSVReader(NanoNode[object, Any]):
    """Reads CSV out of texts, a message for each record, with the columns that the header names, all of them texts.

    Quoted cells may hold the delimiter, quotes (doubled) and line ends. Lines without a letter are no records, and a
    byte-order mark in front is left out. ``Cast`` gives the columns types; ``ReadRows`` reads typed files of any size.

    Needs: a text, usually by ``key``. Gives: the columns of the header; which these are is known only when it runs.

    Args:
        delimiter: What stands between cells; one character.
        to_row_obj: Accepted for old pipelines; every message is a row.

    Raises:
        ValueError: If the delimiter is none.
    """

    send_batch_markers = True
    stateless = True

    def __init__(
        self,
        *,
        delimiter: str = ",",
        to_row_obj: bool = False,  # noqa: ARG002 - accepted for old pipelines, see above
        **kwargs: Any,
    ) -> None:
        if len(delimiter) != 1 or delimiter in '"\r\n':
            raise ValueError(f"delimiter must be one character, no quote and no line end, not {delimiter!r}")
        self.delimiter = delimiter
        super().__init__(**kwargs)

    def process_item(self) -> Iterator[Row]:
        """Yield the records."""
        names, records = records_of(self.__message__, self.delimiter)
        row_class: Any = Schema(Column(name, STRING) for name in names).row_class()
        for record in records:
            yield row_class(*record)


@register_node
class CSVToDictionaryList(NanoNode[object, Any]):
    """Reads CSV out of texts as one list of objects each, all cells texts.

    Needs: a text, usually by ``key``. Gives: a list, usually under ``output_key``.
    """

    stateless = True

    def own_output(self) -> Schema | None:
        """Return that it is a document."""
        return super().own_output() or Schema([Column(BARE_VALUE, JSON)])

    def process_item(self) -> Iterator[list[dict[str, str]]]:
        """Yield the list."""
        names, records = records_of(self.__message__)
        yield [dict(zip(names, record, strict=True)) for record in records]


def records_of(text: object, delimiter: str = ",") -> tuple[list[str], Iterator[list[str]]]:
    """Return the header of a CSV text, and its records, each of as many cells.

    Raises:
        RowError: If it is no text, or its header has a name twice; while the records are read, if one of them has too
            few or too many cells, or a quote is not closed. Names the line.
    """
    if not isinstance(text, str):
        raise RowError(f"CSV is text, got {shown(text)}; key says where in the message it is")
    # The limit is the process's; a longer cell than 131,072 letters is none the worse.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_LINE_BYTES))
    lines = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=delimiter, strict=True)
    found = _numbered(lines)
    number, names = next(found, (1, []))
    if twice := [f"`{name}`" for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise RowError(f"line {number}: the header has {', '.join(twice)} twice")
    return names, _checked(found, names)


def _checked(found: Iterator[tuple[int, list[str]]], names: list[str]) -> Iterator[list[str]]:
    for number, record in found:
        if len(record) != len(names):
            cells = f"{len(record)} cell{'' if len(record) == 1 else 's'}"
            raise RowError(f"line {number}: {cells}, and the header has {len(names)}")
        yield record


def _numbered(lines: Any) -> Iterator[tuple[int, list[str]]]:
    """Yield the records that have a letter, each with the number of its first line."""
    number = 1
    while True:
        try:
            record = next(lines, None)
        except csv.Error as error:
            raise RowError(f"line {number}: {error}") from None
        if record is None:
            return
        if record:
            yield number, record
        number = lines.line_num + 1
