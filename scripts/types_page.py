"""Writes ``docs/reference/types.md`` out of the code: ``make docs``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from nanotyped.errors import TypeCastError, TypeSyntaxError, shown
from nanotyped.types import check_assignable, mysql_type
from nanotyped.types.mapping import TypeMapping, mapping_table

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "types.md"
_LONGEST_CELL = 60

REFUSED_TYPES = (
    *("interval", "varchar", "decimal(5,10)", "decimal(66,2)", "enum()", "enum('a','a')", "set('a,b')"),
    *("int(1_0)", "int unsigned signed", "int not null", "year(2)", "bit(65)", "datetime(7)", ""),
    *("char(2) character set swe7", "enum('a') character set binary"),
)
REFUSED_VALUES: tuple[tuple[str, Any], ...] = (
    ("bigint", 2**63),
    ("int unsigned", -1),
    ("int", 1.5),
    ("int", "1_0"),
    ("decimal(12,2)", "9.999"),
    ("decimal(12,2)", "NaN"),
    ("float", 0.1),
    ("double", float("inf")),
    ("varchar(3)", "four"),
    ("char(4)", "end "),
    ("varchar(9) character set latin1", "漢"),
    ("tinytext", "漢" * 86),
    ("binary(4)", b"abc"),
    ("date", "0000-00-00"),
    ("date", datetime(2026, 11, 21, 9, 30)),  # noqa: DTZ001 - a date has no zone
    ("datetime", "2026-11-21T09:30:00.5"),
    ("datetime", datetime(2026, 11, 21, tzinfo=UTC)),
    ("timestamp", "2026-11-21T09:30:00"),
    ("timestamp", datetime(1969, 12, 31, tzinfo=UTC)),
    ("time", timedelta(hours=839)),
    ("year", 1900),
    ("enum('a','b')", "c"),
    ("set('a','b')", {"c"}),
    ("bit(3)", 8),
    ("inet4", "::1"),
    ("vector(2)", [0.5, 0.1]),
)
REFUSED_PAIRS = (
    *(("bigint unsigned", "bigint"), ("bigint", "int"), ("int", "float"), ("int", "decimal(9,2)")),
    *(("decimal(12,2)", "decimal(12,1)"), ("decimal(12,2)", "double"), ("double", "float")),
    *(("varchar(40)", "varchar(20)"), ("varchar(20)", "char(20)"), ("text", "varchar(255)")),
    *(("varchar(9)", "varchar(9) character set latin1"), ("varchar(9)", "enum('a')"), ("enum('a','b')", "enum('a')")),
    *(("datetime", "date"), ("datetime", "timestamp"), ("timestamp", "datetime"), ("time", "datetime")),
    *(("datetime(6)", "datetime(3)"), ("json", "text"), ("text", "json"), ("vector(3)", "vector(4)")),
)
_HEAD = """\
# Column types

<!-- Written by `make docs`; a test holds this page to the code. -->

What a column type of MySQL or MariaDB is in every system. `nanotyped types TYPE` says it of any other one.

Integers of more than 32 bits and decimals are text in JSON, for a JSON number keeps 53 bits. A `tinyint(1)` is an
integer. A `timestamp` is a moment in UTC, a `datetime` has no zone, and a `time` is a span of up to ±838:59:59. JSON
cannot tell a document that is `null` from a null. SQLite has no sizes of its own: what it declares is held to here. The
fields of an Arrow schema say in their metadata which column type they stand for.
"""
_TYPES = """\
## Types that are refused

Text that is no column type, or one that would lose data, raises `TypeSyntaxError`; it never becomes a text column.
"""
_VALUES = """\
## Values that are refused

A value that its type cannot hold without loss raises `TypeCastError`; nothing is rounded, cut or wrapped around.
`WriteMySQLTable` refuses beside these what the one server that it writes to cannot hold: a `timestamp` after
2038-01-19 03:14:07 UTC (MariaDB from 11.5 on: none), and UUIDs that MariaDB 10.11 takes for no UUID (a version above 7
with a ninth byte of 01 to 80). On MySQL it refuses a `time` of 838:59:59 and a fraction, a number in `json` that is
neither an integer of 64 bits nor a double (MySQL would round it in silence), and geometries of too few points or parts.
Servers drop the sign of a zero; an unsigned type drops it here.
"""
_PAIRS = """\
## Verdicts

How a type that is given stands to one that is needed, in `check` and `explain`. Only the first two pass.

| verdict | means |
| --- | --- |
| exact | both mean the same type: values pass as they are |
| widening | every given value is one of the needed type, which has more: `int` to `bigint` |
| lossy | some values are, others are not: a `Cast` fails on those, or does with them what its `lossy` says |
| incompatible | the kinds of value differ: a `Cast` from or to text may do, else only a node of your own |
| unchecked | not known before the run: no schema is declared, or the table was not looked at (`--connect`) |

What a policy makes of a column (`bit: bytes`, `tinyint1: bool`) is not judged: `explain` tells the type of the table
and what it is taken as, and the verdict is on the latter.

## Columns that do not fit

What `check` says where a column is given to one that needs another type, and no `Cast` stands between them.
"""


def render_page() -> str:
    """Return the text of the page."""
    mapped = _table(
        ["MySQL", "intermediate", "Python", "SQLite", "Arrow", "JSON, by example", "limits"],
        map(_mapped, mapping_table()),
    )
    types = _table(["text", "position", "why"], map(_refused_type, REFUSED_TYPES))
    values = _table(["type", "value", "why"], [_refused_value(text, value) for text, value in REFUSED_VALUES])
    pairs = _table(["given", "needed", "why not"], [_refused_pair(*pair) for pair in REFUSED_PAIRS])
    return f"{_HEAD}\n{mapped}\n\n{_TYPES}\n{types}\n\n{_VALUES}\n{values}\n\n{_PAIRS}\n{pairs}\n"


def _mapped(mapping: TypeMapping) -> Sequence[str]:
    spelled = (mapping.mysql, mapping.intermediate, mapping.python, mapping.sqlite, mapping.arrow, mapping.json_example)
    limits = [f"{name} {_limit(limit)}" for name, limit in mapping.limits.items()]
    return [*map(_code, spelled), ", ".join(limits)]


def _limit(limit: Any) -> str:
    return json.dumps(limit) if isinstance(limit, list) else str(limit)


def _refused_type(text: str) -> Sequence[str]:
    try:
        mysql_type(text)
    except TypeSyntaxError as error:
        return [_code(text), str(error.position), error.reason]
    raise ValueError(f"`{text}` is a column type after all")


def _refused_value(text: str, value: Any) -> Sequence[str]:
    try:
        mysql_type(text)(value)
    except TypeCastError as error:
        return [_code(text), _code(shown(value)), error.reason]
    raise ValueError(f"{value!r} is a `{text}` after all")


def _refused_pair(given: str, needed: str) -> Sequence[str]:
    problems = check_assignable(mysql_type(given), mysql_type(needed))
    if not problems:
        raise ValueError(f"`{given}` fits `{needed}` after all")
    return [_code(given), _code(needed), "; ".join(problem.reason or "no values in common" for problem in problems)]


def _code(text: str) -> str:
    text = text if len(text) <= _LONGEST_CELL else text[: _LONGEST_CELL - 1] + "…"
    return f"`{text}`" if text else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(render_page(), encoding="utf-8")
