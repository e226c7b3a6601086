from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanotyped.config.scalars import MAX_DIGITS, parse_scalar


@pytest.mark.parametrize("text", ["", "~", "null"])
def test_null(text: str) -> None:
    """Nothing, `~` and `null` are null."""
    assert parse_scalar(text) is None


TEXTS = """
    no yes on off y n True FALSE Null NULL 012 0x1F 0o17 1_000 12:30:00 2024-05-06 .5 1. +5 .inf nan NaN - 1e 1e5x
"""


@pytest.mark.parametrize("text", TEXTS.split())
def test_everything_else_is_text(text: str) -> None:
    """What YAML 1.1 guesses at is the text that it is."""
    assert parse_scalar(text) == text


@given(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()).map(
        json.dumps
    )
    | st.text(alphabet="0123456789+-.eE_ ", max_size=8)
)
def test_reads_what_json_reads(text: str) -> None:
    """A number, `true`, `false` and `null` mean what JSON says they mean; all that JSON refuses is text."""
    try:
        expected = json.loads(text)
    except ValueError:
        expected = text or None
    if isinstance(expected, float) and math.isinf(expected) and text.strip() == text:
        with pytest.raises(ValueError, match="too large for a float"):
            parse_scalar(text)
        return
    if isinstance(expected, str) or text.strip() != text:
        expected = text or None
    found = parse_scalar(text)
    assert (found, type(found)) == (expected, type(expected))


def test_a_number_of_absurd_length_is_refused() -> None:
    """Digits without end are a mistake, or an attack on the time that reading them takes."""
    with pytest.raises(ValueError, match=f"^a number of more than {MAX_DIGITS} characters$"):
        parse_scalar("9" * (MAX_DIGITS + 1))
