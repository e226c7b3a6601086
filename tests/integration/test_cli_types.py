"""`nanotyped types`, in a process of its own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from nanotyped.types.mapping import MAPPED_TYPES
from tests.integration.test_cli import run

if TYPE_CHECKING:
    from pathlib import Path


def test_a_type_is_shown_through_all_systems(tmp_path: Path) -> None:
    """Every system has a line, and every limit that the type has; several types stand apart."""
    status, out, err = run(tmp_path, "types", "decimal(12,2) unsigned", "SET('a','b c')")
    assert (status, err) == (0, "")
    assert out == (
        "MySQL         decimal(12,2) unsigned\n"
        "intermediate  decimal(12,2) unsigned\n"
        "Python        decimal.Decimal\n"
        "SQLite        decimal(12,2) unsigned\n"
        "Arrow         decimal128(12, 2)\n"
        'JSON          "9999999999.99"\n'
        'JSON Schema   {"type": "string", "pattern": "^[0-9]+\\\\.[0-9]{2}$"}\n'
        "minimum       0\n"
        "maximum       9999999999.99\n"
        "\n"
        "MySQL         set('a','b c')\n"
        "intermediate  set('a','b c')\n"
        "Python        frozenset\n"
        "SQLite        set('a','b c')\n"
        "Arrow         list<item: string>\n"
        'JSON          ["a","b c"]\n'
        'JSON Schema   {"type": "array", "items": {"type": "string", "enum": ["a", "b c"]}, "uniqueItems": true}\n'
        'members       "a", "b c"\n'
    )


def test_programs_get_json(tmp_path: Path) -> None:
    """With `--json` it is a list, whose JSON examples are JSON with all their digits."""
    status, out, err = run(tmp_path, "types", "--json", "bigint unsigned", "json")
    assert (status, err) == (0, "")
    assert json.loads(out, parse_float=str) == [
        {
            "mysql": "bigint unsigned",
            "intermediate": "uint64",
            "python": "int",
            "sqlite": "bigint unsigned",
            "arrow": "uint64",
            "json": {"schema": {"type": "string", "pattern": "^[0-9]+$"}, "example": "18446744073709551615"},
            "limits": {"minimum": 0, "maximum": 2**64 - 1},
        },
        {
            "mysql": "json",
            "intermediate": "json",
            "python": "object",
            "sqlite": "json",
            "arrow": "extension<arrow.json>",
            "json": {"schema": {}, "example": {"price": "9.90"}},
            "limits": {},
        },
    ]


def test_without_a_type_it_is_the_whole_table(tmp_path: Path) -> None:
    """One line for each kind of type, below a heading."""
    status, out, err = run(tmp_path, "types")
    head, *lines = out.splitlines()
    assert (status, err, head.split("  ")[0]) == (0, "", "MySQL")
    assert len(lines) == len(MAPPED_TYPES)
    assert lines[5].split() == ["bigint", "int64", "int", "integer", "int64", '"9223372036854775807"']
    assert all(line.startswith(text) for line, text in zip(lines, MAPPED_TYPES, strict=True))
    status, out, err = run(tmp_path, "types", "--json")
    assert [mapping["mysql"] for mapping in json.loads(out)] == list(MAPPED_TYPES)


@pytest.mark.parametrize("option", [(), ("--json",)])
def test_misspelt_types_are_shown_with_a_caret(tmp_path: Path, option: tuple[str, ...]) -> None:
    """Every misspelt type is told, a caret under its place, also behind wide characters and tabs, and nothing else."""
    words = ("decimal(5,10)", "int", "intt", "enum('漢',\t)", "")
    assert run(tmp_path, "types", *words, *option) == (
        2,
        "",
        "nanotyped: scale 10 is above precision 5\n"
        "  decimal(5,10)\n"
        "            ^\n"
        "nanotyped: unknown type `intt` (did you mean `int`?)\n"
        "  intt\n"
        "  ^\n"
        "nanotyped: expected a quoted member of `enum`\n"
        "  enum('漢', )\n"
        "             ^\n"
        "nanotyped: no type\n"
        "  \n"
        "  ^\n",
    )
