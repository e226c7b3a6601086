"""``types``: what column types are in every system, for people or for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from rich.cells import cell_len

from nanotyped.cli.output import print_error
from nanotyped.errors import TypeSyntaxError
from nanotyped.row.schema import parse_taken_type
from nanotyped.types.mapping import TypeMapping, map_type, mapping_table

if TYPE_CHECKING:
    from nanotyped.cli.arguments import Arguments

_HEAD = ("MySQL", "Intermediate", "Python", "SQLite", "Arrow", "JSON, by example")
_LONGEST_CELL = 40


def types(arguments: Arguments) -> int:
    """Print the mapping of each type, or the whole table; 0, or 2 if a type is misspelt."""
    found: list[TypeMapping] = []
    errors: list[TypeSyntaxError] = []
    for text in arguments.words:
        try:
            found.append(map_type(parse_taken_type(text)))
        except TypeSyntaxError as error:
            errors.append(error)
    for mistake in errors:
        print_error(render_caret(mistake))
    if errors:
        return 2
    shown = found if arguments.words else mapping_table()
    if arguments.json:
        print(msgspec.json.format(msgspec.json.encode(list(map(as_json, shown)))).decode())
    else:
        print("\n\n".join(map(render_mapping, shown)) if arguments.words else render_table(shown))
    return 0


def render_caret(error: TypeSyntaxError) -> str:
    """Return what is wrong, the text, and a caret under the place."""
    text = "".join(character if character.isprintable() else " " for character in error.text)
    return f"{error.reason}\n  {text}\n  {' ' * cell_len(text[: error.position])}^"


def as_json(mapping: TypeMapping) -> dict[str, Any]:
    """Return a mapping as programs get it."""
    return {
        "mysql": mapping.mysql,
        "intermediate": mapping.intermediate,
        "python": mapping.python,
        "sqlite": mapping.sqlite,
        "arrow": mapping.arrow,
        "json": {"schema": dict(mapping.json_schema), "example": msgspec.Raw(mapping.json_example.encode())},
        "limits": dict(mapping.limits),
    }


def render_mapping(mapping: TypeMapping) -> str:
    """Return a mapping as a line for each system and each limit."""
    lines = [
        ("MySQL", mapping.mysql),
        ("intermediate", mapping.intermediate),
        ("Python", mapping.python),
        ("SQLite", mapping.sqlite),
        ("Arrow", mapping.arrow or "none"),
        ("JSON", mapping.json_example),
        ("JSON Schema", json.dumps(dict(mapping.json_schema), ensure_ascii=False)),
        *((name, _render_limit(limit)) for name, limit in mapping.limits.items()),
    ]
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in lines)


def render_table(mappings: Sequence[TypeMapping]) -> str:
    """Return mappings as an aligned table, one line for each."""
    rows = [
        _HEAD,
        *((m.mysql, m.intermediate, m.python, m.sqlite, m.arrow, _shortened(m.json_example)) for m in mappings),
    ]
    widths = [max(len(row[index]) for row in rows) for index in range(len(_HEAD))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _render_limit(limit: Any) -> str:
    if isinstance(limit, list):
        return ", ".join(json.dumps(member, ensure_ascii=False) for member in limit)
    return f"{limit}"


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_CELL else text[: _LONGEST_CELL - 1] + "…"
