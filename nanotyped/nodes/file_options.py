"""Options that the nodes of typed files share: the format, and how a null is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from nanotyped.node import FarEnd
from nanotyped.nodes.columns_of_text import null_texts

if TYPE_CHECKING:
    from nanotyped.row import Schema

FileFormat = Literal["csv", "jsonl"]

_BY_EXTENSION: dict[str, FileFormat] = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
_COMPRESSED = frozenset({".gz", ".bz2", ".xz", ".zst", ".zip"})
NULL_TEXT = "\\N"


def checked_format(path: str, given: FileFormat | None) -> FileFormat:
    """Return the format of a file, as given or as its name tells it.

    Raises:
        ValueError: If neither does.
    """
    if Path(path).suffix.lower() in _COMPRESSED:
        raise ValueError(f"`{path}` is the name of a compressed file, which is neither read nor written here")
    if given is None:
        found = _BY_EXTENSION.get(Path(path).suffix.lower())
        if found is None:
            raise ValueError(f"the name `{path}` does not tell the format; give format: csv or jsonl")
        return found
    if given not in _BY_EXTENSION.values():
        raise ValueError(f"format must be csv or jsonl, not {given!r}")
    return given


def format_of_all(paths: Sequence[str], given: FileFormat | None) -> FileFormat:
    """Return the one format of several files.

    Raises:
        ValueError: If there is none, or more than one.
    """
    found = {checked_format(path, given): path for path in paths}
    if len(found) > 1:
        told = " and ".join(f"`{path}` is {form}" for form, path in found.items())
        raise ValueError(f"the names tell several formats, {told}; give format, or read them by two nodes")
    return next(iter(found))


def checked_null_text(text: str) -> str:
    """Return how a null is written.

    Raises:
        ValueError: If it cannot be.
    """
    if not text.isprintable():
        raise ValueError(f"null_text must be printable, not {text!r}")
    return text


def text_of_file(path: str, form: FileFormat, schema: Schema | None, column: str, null_text: str) -> FarEnd:
    """Return what a column is in a file."""
    if form == "jsonl":
        return FarEnd(f"file {path}", "json", null="null")
    nulls = null_texts(schema[column], null_text) if schema is not None and column in schema else ()
    return FarEnd(f"file {path}", "csv", null=(nulls[0] or "an empty cell") if nulls else "")
