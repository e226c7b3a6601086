"""Links in headers, what a state keeps of a link, and the query of a URL."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from nanotyped import CursorPages, OffsetPages, SinglePage
from nanotyped.nodes.http.links import next_link
from nanotyped.nodes.http.paging import PaginationOption
from nanotyped.nodes.http.records import Page
from nanotyped.nodes.http.walking import LinkKeeper, with_query

TOKENS = st.text("abcdefghijklmnop-", min_size=1, max_size=6)
QUOTED = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)
NAMES = st.text(min_size=1, max_size=5).filter(lambda name: name.isprintable())


# -- the header Link ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ("", None),
        ('<https://a.test/?page=2>; rel="next"', "https://a.test/?page=2"),
        ("</p?2>; rel=next", "/p?2"),
        ('</1>; rel="prev", </3>; rel="next"', "/3"),
        ('</1>; rel="first prev NEXT"', "/1"),
        ('</1>;title="a, <b>; rel=next";rel=last,</2>;REL = "next"', "/2"),
        ('</1>; title="say \\"rel=next\\""; rel=prev', None),
        ("</1>; rel=prev; rel=next", None),
        ('</1>; rel=next; anchor="/other", </2>; rel=next', "/2"),
        ("</1>, ,, </2>;; rel=next;", "/2"),
        ("</1>; rel", None),
    ],
)
def test_the_next_page_is_where_the_header_says(header: str, target: str | None) -> None:
    """The grammar is that of RFC 8288: several relations, quotes with commas in them, empty elements."""
    assert next_link(header) == target


@pytest.mark.parametrize("header", ["https://a.test/2; rel=next", '</1>; rel="next', "</1> rel=next", "</1"])
def test_a_header_that_is_none_is_no_end(header: str) -> None:
    """What cannot be read might have been the next link."""
    with pytest.raises(ValueError, match=r"^a (link|parameter) is spelled .*, which is not so at position [0-9]+$"):
        next_link(header)


@given(st.lists(st.tuples(TOKENS, st.lists(TOKENS, min_size=1), QUOTED), max_size=5), st.booleans())
def test_the_first_next_of_any_links_is_found(links: list[tuple[str, list[str], str]], spaced: bool) -> None:
    """Whatever stands in titles, and whatever the other relations are."""
    parts = []
    for target, relations, title in links:
        escaped = title.replace("\\", "\\\\").replace('"', '\\"')
        parts.append(f'<{target}>; title="{escaped}"; rel="{" ".join(relations)}"')
    parts.append('<the-one>; rel="next"')
    assert next_link((" , " if spaced else ",").join(parts)) == "the-one"


# -- links in a state -----------------------------------------------------------------------------


@given(st.dictionaries(NAMES, NAMES, max_size=3), st.lists(st.tuples(NAMES, NAMES), max_size=5), st.booleans())
def test_a_link_comes_out_of_a_state_as_it_went_in(
    own: dict[str, str], others: list[tuple[str, str]], repeats_own: bool
) -> None:
    """JSON holds it, the URL is the same again, and what the pipeline put into the query is in no state."""
    base = with_query("http://h.test/a", {"key": "s3cret value", **own})
    url = "http://h.test/b"
    query = [*others, *(([("key", "s3cret value")]) if repeats_own else [])]
    if query:
        url += "?" + "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query)
    keeper = LinkKeeper(base)
    kept = json.loads(json.dumps(keeper.kept(url)))
    assert "s3cret" not in json.dumps(kept)
    again = keeper.url(kept)
    assert parse_qsl(urlsplit(again).query, keep_blank_values=True) == parse_qsl(
        urlsplit(url).query, keep_blank_values=True
    )
    assert urlsplit(again)._replace(query="") == urlsplit(url)._replace(query="")


@given(st.dictionaries(NAMES, st.text(max_size=5).filter(str.isprintable), max_size=4))
def test_parameters_come_out_of_a_query_as_they_went_in(parameters: dict[str, str]) -> None:
    """Others stay as they are; one of the same name is taken over."""
    url = with_query("http://h.test/a?x%5B%5D=1&zz=%2F", {**parameters, "x[]": "2"})
    expected = {"zz": "/", **parameters, "x[]": "2"}
    assert dict(parse_qsl(urlsplit(url).query, keep_blank_values=True)) == expected
    assert len(parse_qsl(urlsplit(url).query, keep_blank_values=True)) == len(expected)


# -- the option -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ({"type": "cursor", "path": "a"}, "Field required"),
        ({"type": "cursor", "path": [0, "a"], "parameter": "p"}, "a keypath starts with the name of a column"),
        ({"type": "offset", "limit": 0}, "greater than or equal to 1"),
        ({"type": "page_number", "max_pages": 0}, "greater than or equal to 1"),
        ({"type": "json_link", "path": "a", "more": 1}, "Extra inputs are not permitted"),
        ({"type": "pages"}, "does not match any of the expected tags"),
    ],
)
def test_wrong_options(option: dict[str, Any], reason: str) -> None:
    """Each kind takes its own options and no others."""
    with pytest.raises(ValidationError, match=reason):
        TypeAdapter(PaginationOption).validate_python(option)


def test_the_type_counts_as_given() -> None:
    """Without it what was made in Python could not be written to a file."""
    assert SinglePage().model_dump(exclude_unset=True) == {"type": "single_page"}
    assert OffsetPages(limit=5).model_dump(exclude_unset=True) == {"type": "offset", "limit": 5}


# -- places in a page -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cursor", "position"),
    [("x&y", "x&y"), (12, "12"), (12345678901234567890123, "12345678901234567890123"), (1.5, "1.5")],
)
def test_a_cursor_is_text_with_every_digit(cursor: Any, position: str) -> None:
    """Numbers too, however long they are."""
    page = Page(json.dumps({"data": [{"id": 1}, {"id": cursor}]}).encode(), {}, "http://h.test/", "it")
    pagination = CursorPages(path=["data", -1, "id"], parameter="after")
    assert pagination.following(page, None, 2) == position
