"""The file of dead letters: what is written comes back as the very row, and what is no letter is told."""

from __future__ import annotations

import json
import math
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanotyped import JSON_NULL, DeadLetterError, Row, RowError, mysql_type
from nanotyped.engine.dead_letters import DeadLetter, DeadLetterFile, read_dead_letters
from nanotyped.row.exact import parse_exact, render_exact
from nanotyped.row.schema import Schema, parse_schema

if TYPE_CHECKING:
    from pathlib import Path

VALUES: list[Any] = [
    *(None, 0, -(2**70), 255, True, 1.5, -0.0, Decimal("1.50"), Decimal("9" * 40), "", "\U0001f9c0 \n", b"\x00\xff"),
    *(date(2024, 2, 29), timedelta(days=-3, microseconds=1), {"a": [Decimal("0.10"), None]}, JSON_NULL),
]
TYPES = ["int unsigned", "bigint null", "decimal(12,2)", "varchar(3) null", "double", "date", "json", "varbinary(9)"]


def there_and_back(row: Row) -> Row:
    """Return a row that was written as JSON and read."""
    return parse_exact(json.loads(msgspec.json.encode(render_exact(row)), parse_float=Decimal))


def row_of(schema: Schema, values: list[Any]) -> Row:
    """Return a row of whatever values, which no constructor checks."""
    row_class: Any = schema.row_class()
    made: Row = row_class(*values)
    return made


@given(st.lists(st.tuples(st.sampled_from(TYPES), st.sampled_from(VALUES)), min_size=1, max_size=6))
def test_a_row_comes_back_as_it_was(cells: list[tuple[str, Any]]) -> None:
    """Whatever stands in whatever column, right or wrong: the same types, the same values, of the same classes."""
    schema = parse_schema({f"c {place}": kind for place, (kind, _) in enumerate(cells)})
    row = row_of(schema, [value for _, value in cells])
    back = there_and_back(row)
    assert back.schema == schema
    assert list(back.to_python().values()) == [value for _, value in cells]
    assert [type(value) for value in back.to_python().values()] == [type(value) for _, value in cells]
    decimals = [str(value) for value in back.to_python().values() if isinstance(value, Decimal)]
    assert decimals == [str(value) for _, value in cells if isinstance(value, Decimal)]


def test_a_number_that_is_none_comes_back() -> None:
    """NaN and the infinities have no JSON form, and come back all the same."""
    back = there_and_back(row_of(parse_schema({"a": "double", "b": "int"}), [math.nan, -math.inf])).to_python()
    assert math.isnan(back["a"])
    assert back["b"] == -math.inf


def test_what_json_cannot_hold_is_there_to_be_read() -> None:
    """An object of the user stands in the letter as text, and the row is refused where it is read back."""
    row = row_of(parse_schema({"n": "int"}), [object])
    assert render_exact(row)["misfits"] == {"n": {"text": "<class 'object'>"}}
    with pytest.raises(RowError) as caught:
        there_and_back(row)
    assert str(caught.value) == "column `n` held <class 'object'>, which JSON cannot hold"


def letter(row: Row) -> DeadLetter:
    """Return a letter with a row."""
    return DeadLetter("i", "r", "work", 3, 1, "ValueError", None, "no \ud800", "2026-01-01T00:00:00.000+00:00", row)


def test_a_file_is_read_letter_by_letter(tmp_path: Path) -> None:
    """Letters come back in order, a torn end is left out, and a text that is no UTF-8 is written as an escape."""
    path = tmp_path / "dead.jsonl"
    file = DeadLetterFile(path)
    rows = [row_of(Schema(list(parse_schema({"n": mysql_type("int")}))), [n]) for n in (1, 2)]
    file.append([letter(row).render() for row in rows])
    with pytest.raises(DeadLetterError) as caught:
        DeadLetterFile(path)
    assert str(caught.value) == (
        f"dead letters `{path}`: another run writes to it; wait for its end, or give this one a file of its own"
    )
    file.close()
    with path.open("ab") as raw:
        raw.write(b'{"id": "to')
    found = list(read_dead_letters(path))
    assert [one.row for one in found] == rows
    assert [one.reason for one in found] == ["no \\ud800"] * 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"id": 1}\n', "line 1 is no dead letter: KeyError: 'run'"),
        ("[]\n", "line 1 is no dead letter: TypeError: list indices must be integers or slices, not str"),
        ("\n", "line 1 is no dead letter: JSONDecodeError: Expecting value: line 2 column 1 (char 1)"),
    ],
)
def test_what_is_no_letter_is_told(text: str, reason: str, tmp_path: Path) -> None:
    """A line that is none is an error that names it."""
    path = tmp_path / "dead.jsonl"
    path.write_text(text)
    with pytest.raises(DeadLetterError) as caught:
        list(read_dead_letters(path))
    assert str(caught.value) == f"dead letters `{path}`: {reason}"


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A file that cannot be read is an error that says why."""
    with pytest.raises(DeadLetterError) as caught:
        list(read_dead_letters(tmp_path / "none"))
    assert str(caught.value) == f"dead letters `{tmp_path / 'none'}`: it cannot be read: No such file or directory"
