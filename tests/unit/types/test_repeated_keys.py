from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanotyped.errors import TypeCastError
from nanotyped.types.mysql import mysql_type
from nanotyped.types.repeated_keys import count_keys, may_repeat_keys, repeated_key
from nanotyped.types.text import read_json

KEYS = st.sampled_from(["a", "b", 'a":', "a\\", " :", "\n", "é"]) | st.text(max_size=3)
SCALARS = st.none() | st.integers(-9, 9) | KEYS
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)
COLONS = st.sampled_from([":", ": ", " :", "\t:", "\r\n: "])


def spelled(pairs: list[tuple[str, Any]], colon: str) -> str:
    """Return an object of these pairs as JSON text."""
    texts = [json.dumps(key) + colon + json.dumps(value, separators=(",", colon)) for key, value in pairs]
    return "{" + ",".join(texts) + "}"


@given(st.lists(st.tuples(KEYS, DOCUMENTS), max_size=4), COLONS)
def test_a_key_is_there_twice_where_the_text_says_so(pairs: list[tuple[str, Any]], colon: str) -> None:
    """However it is spaced and escaped: a text that is let through quickly has no key twice, and the slow way tells."""
    text = spelled(pairs, colon)
    twice = len({key for key, _ in pairs}) < len(pairs)
    assert (repeated_key(text) is not None) is twice
    assert may_repeat_keys(text, count_keys(msgspec.json.decode(text))) or not twice


def test_a_plain_text_is_let_through_quickly() -> None:
    """Moments and addresses hold colons, and are no reason to read a text twice."""
    for text in ('{"a":1,"b":{"c":[{"d":2}]}}', '{"at":"12:30:00","url":"http://x"}', '{"a": {"b": null}}'):
        assert not may_repeat_keys(text, count_keys(json.loads(text)))


@pytest.mark.parametrize("text", ['{"a":1,"a":2}', '[{"b":{"a":1,"\\u0061" :2}}]'])
def test_a_document_with_a_key_twice_is_none(text: str) -> None:
    """A document out of a file or a server's text is refused, not cut down to the last of its values."""
    with pytest.raises(TypeCastError) as caught:
        read_json(mysql_type("json"), text)
    assert caught.value.reason == "an object in it has the key 'a' twice"
