"""Keys of rows and of requests: the same for the same, whatever is around it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from nanotyped import HttpPostRequest, IdempotencyKey, RowError
from nanotyped.nodes.http.idempotency import KEY_DIGITS, KeyMaker, with_member
from nanotyped.row import Row, Schema, parse_schema

ORDER = parse_schema(
    {"id": "bigint unsigned", "total": "decimal(9,2)", "note": "varchar(40) null", "at": "datetime(3)"}
)
CELLS = st.tuples(
    st.integers(0, 2**64 - 1),
    st.decimals(-9_999_999, 9_999_999, places=2).map(lambda total: total + 0),  # no database has a zero with a sign
    st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.datetimes(datetime(1000, 1, 1)).map(
        lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    ),
)


def rows_of(cells: Sequence[tuple[Any, ...]], schema: Schema = ORDER) -> list[Row]:
    """Return rows of a schema."""
    row_class: Any = schema.row_class()
    return [row_class(*values) for values in cells]


def keys_of(rows: Sequence[Row], pipeline: str | None = "shop", node: str = "post", **option: Any) -> list[str]:
    """Return the keys that a new sink makes of rows."""
    return KeyMaker(IdempotencyKey(field="key", **option), pipeline, node).of_rows(rows, 1)


@given(st.lists(CELLS, min_size=1, max_size=8), st.data())
def test_a_row_has_one_key_whatever_batch_it_is_in(cells: list[tuple[Any, ...]], data: st.DataObject) -> None:
    """Cut and ordered in any way, and made by any sink of the same name, keys are the same."""
    rows = rows_of(cells)
    whole = dict(zip(cells, keys_of(rows), strict=True))
    mixed = data.draw(st.permutations(cells))
    cut = data.draw(st.integers(0, len(mixed)))
    again = [key for part in (mixed[:cut], mixed[cut:]) if part for key in keys_of(rows_of(part))]
    assert again == [whole[one] for one in mixed]


@given(CELLS, CELLS)
def test_rows_have_one_key_just_where_they_are_equal(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    """Different content has different keys, and equal content has one."""
    first, second = keys_of(rows_of([one, other]))
    assert (first == second) is (one == other)


@given(CELLS, CELLS)
def test_named_columns_alone_count(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    """A key of some columns is the same where these are, in whichever order they are named."""
    first, second = keys_of(rows_of([one, other]), columns=["id", "at"])
    assert (first == second) is ((one[0], one[3]) == (other[0], other[3]))
    assert keys_of(rows_of([one]), columns=["at", "id"]) == [first]


@given(CELLS)
def test_the_order_of_the_columns_does_not_count(cells: tuple[Any, ...]) -> None:
    """A table whose columns stand in another order gives the same keys."""
    turned = Schema(reversed([*ORDER]))
    assert keys_of(rows_of([cells[::-1]], turned)) == keys_of(rows_of([cells]))


def test_cells_that_look_alike_have_keys_of_their_own() -> None:
    """What stands in which column, and whether it is a null, counts; a text does not run into the next one."""
    pair = parse_schema({"a": "varchar(40) null", "b": "varchar(40) null"})
    cells = [("x", "y"), ("y", "x"), ("x,y", ""), ("", "x,y"), ('x","b":"y', ""), (None, "y"), ("null", "y"), ("", "y")]
    assert len(set(keys_of(rows_of(cells, pair)))) == len(cells)


def test_pipeline_and_node_are_part_of_the_key() -> None:
    """One row sent by two sinks is two deliveries."""
    row = rows_of([(1, Decimal("9.90"), "x", datetime(2024, 5, 6))])
    places = [("shop", "post"), ("shop", "other"), ("mall", "post"), (None, "post"), ("", "post"), ("shop\n", "post")]
    assert len({keys_of(row, pipeline, node)[0] for pipeline, node in places}) == len(places)


def test_keys_are_the_same_for_ever() -> None:
    """This is a promise to services that keep them: another release makes the same keys."""
    row = rows_of([(2**64 - 1, Decimal("9.90"), "é\n\u2028", datetime(2024, 5, 6, 7, 8, 9, 10_000))])
    assert keys_of(row) == ["26ad079d8c7dac85234d79506418e225"]
    assert keys_of(row, columns=["id"]) == ["be59a2eac840863c069332351fe9167e"]
    assert all(len(key) == KEY_DIGITS for key in keys_of(row))


def test_another_process_makes_the_same_keys() -> None:
    """Nothing of Python's own hashes, which differ from process to process, is in a key."""
    program = (
        "from nanotyped import IdempotencyKey\nfrom nanotyped.nodes.http.idempotency import KeyMaker\n"
        "from nanotyped.row import parse_schema\n"
        "row = parse_schema({'id': 'int', 'tags': \"set('a','b','c')\"}).row_class()(7, frozenset({'c', 'a', 'b'}))\n"
        "print(KeyMaker(IdempotencyKey(header='K'), 'shop', 'post').of_rows([row], 1)[0])"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1")
    }
    assert len(found) == 1


@given(st.lists(CELLS, min_size=2, max_size=5, unique=True))
def test_the_key_of_a_request_is_that_of_its_rows(cells: list[tuple[Any, ...]]) -> None:
    """A request of one row has that row's key; of more rows it has its own, by the rows and their order."""
    maker = KeyMaker(IdempotencyKey(header="K"), "shop", "post")
    keys = maker.of_rows(rows_of(cells), 1)
    assert maker.of_request(keys[:1]) == keys[0]
    whole = maker.of_request(keys)
    assert whole == maker.of_request(list(keys))
    assert len({whole, maker.of_request(keys[::-1]), maker.of_request(keys[1:]), *keys}) == len(keys) + 3 - (
        len(keys) == 2
    )


def test_a_member_more_in_an_object() -> None:
    """The key stands behind the columns, its name spelled as JSON wants it."""
    assert with_member(b'{"a":1}', 'k"', "ff") == b'{"a":1,"k\\"":"ff"}'
    assert with_member(b"{}", "k", "ff") == b'{"k":"ff"}'


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({}, "Value error, it says nowhere to put the key: give header, field, or both"),
        ({"columns": ["id"]}, "Value error, it says nowhere to put the key: give header, field, or both"),
        ({"header": "X\r\nEvil"}, r"Value error, 'X\r\nEvil' is no name of a header"),
        ({"header": "Key: 1"}, "Value error, 'Key: 1' is no name of a header"),
        ({"header": ""}, "Value error, '' is no name of a header"),
        ({"header": "Host"}, "Value error, `Host` is made by the client and cannot be given"),
        ({"field": ""}, "String should have at least 1 character"),
        ({"field": "k", "columns": []}, "Value should have at least 1 item after validation, not 0"),
        ({"field": "k", "colums": ["id"]}, "Extra inputs are not permitted"),
    ],
)
def test_options_that_make_no_sense(option: dict[str, Any], message: str) -> None:
    """They are refused when they are given; no name of a header can hold a second one."""
    with pytest.raises(ValidationError) as caught:
        IdempotencyKey(**option)
    assert [error["msg"] for error in caught.value.errors()] == [message]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "idempotency_key needs a name of the node: a generated one is another in each run"),
        (
            {"name": "post", "headers": {"idempotency-key": "1"}},
            "idempotency_key: the header `Idempotency-Key` has another value already",
        ),
    ],
)
def test_sinks_that_cannot_have_keys(options: dict[str, Any], message: str) -> None:
    """A node without a name has none that stays, and a header has one value."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        HttpPostRequest(url="http://api.test/", idempotency_key=IdempotencyKey(header="Idempotency-Key"), **options)
    assert str(caught.value) == message


def test_rows_of_unknown_schema_that_lack_a_column() -> None:
    """Where the builder could not know it, the first such row is wrong."""
    with pytest.raises(RowError) as caught:
        KeyMaker(IdempotencyKey(header="K", columns=["nr"]), None, "post").of_rows(
            rows_of([(1, Decimal(1), None, datetime(2024, 5, 6))]), 7
        )
    assert str(caught.value) == (
        "row 7: idempotency_key: there is no column `nr`. Hint: the columns are `id`, `total`, `note`, `at`"
    )
