"""Rows of 12 typed columns held to their schema: nanotyped beside pydantic and msgspec, on values and on text.

What each does with rows that are all right, in batches of a thousand:

- ``values``, ``text``: ``Validator.rows`` and ``rows_of_text``. Every bound, length, digit and member of the MySQL
  types, charsets, zones, and digits of a fraction; gives rows.
- ``pydantic_values``, ``pydantic_text``: ``TypeAdapter(list[tuple[...]])``, strict on values and lax on text. The same
  bounds, lengths, digits of decimals, and members; not the bytes of a text, its charset, the digits of a fraction, or
  whether a moment has a zone. For an integer it also takes the texts `1_0`, ` 5 ` and `5.0`, and for a moment the
  seconds since 1970. Gives tuples.
- ``msgspec_values``, ``msgspec_text``: ``msgspec.convert`` alone, to show what is left to gain. Bounds within 64 bits
  with a sign, lengths, members, zones, finite floats; no digits of decimals. For a decimal it also takes `1_0` and
  `NaN`. Gives tuples.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from pydantic import Field, TypeAdapter

from benchmarks.measure import measure
from nanotyped.row import Validator, parse_schema
from nanotyped.row.rows import astuple
from nanotyped.types.text import render_text

BATCH_ROWS = 1000
BATCHES = 20  # different ones, gone through again and again: more would measure the memory
SCHEMA = parse_schema(
    {
        "id": "bigint unsigned",
        "customer": "int unsigned",
        "email": "varchar(120)",
        "price": "decimal(12,2)",
        "created": "datetime(6)",
        "updated": "timestamp",
        "ordered": "date",
        "status": "enum('new','paid','sent')",
        "quantity": "tinyint",
        "weight": "double",
        "country": "char(2)",
        "note": "text null",
    }
)
OF_PYDANTIC: Any = tuple[
    Annotated[int, Field(ge=0, le=2**64 - 1)],
    Annotated[int, Field(ge=0, le=2**32 - 1)],
    Annotated[str, Field(max_length=120)],
    Annotated[Decimal, Field(max_digits=12, decimal_places=2)],
    datetime,
    datetime,
    date,
    Literal["new", "paid", "sent"],
    Annotated[int, Field(ge=-128, le=127)],
    Annotated[float, Field(allow_inf_nan=False)],
    Annotated[str, Field(max_length=2)],
    Annotated[str, Field(max_length=65535)] | None,
]
_FLOAT_MAX = sys.float_info.max
OF_MSGSPEC: Any = tuple[
    Annotated[int, msgspec.Meta(ge=0)],  # its bounds end at 64 bits with a sign
    Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)],
    Annotated[str, msgspec.Meta(max_length=120)],
    Decimal,
    Annotated[datetime, msgspec.Meta(tz=False)],
    Annotated[datetime, msgspec.Meta(tz=True)],
    date,
    Literal["new", "paid", "sent"],
    Annotated[int, msgspec.Meta(ge=-128, le=127)],
    Annotated[float, msgspec.Meta(ge=-_FLOAT_MAX, le=_FLOAT_MAX)],
    Annotated[str, msgspec.Meta(max_length=2)],
    Annotated[str, msgspec.Meta(max_length=65535)] | None,
]
Tuples = list[tuple[Any, ...]]
_START = datetime(2024, 1, 1)


def make_tuples(first: int) -> Tuples:
    """Make a batch of values; ``first`` is the number of the first row."""
    return [
        (
            n,
            n * 7919 % 5000,
            f"user{n % 5000}@example.com",
            Decimal(n * 37 % 100_000).scaleb(-2),
            _START + timedelta(microseconds=n * 61_000_123),
            (_START + timedelta(seconds=n * 61)).replace(tzinfo=UTC),
            date(2024, 1, 1) + timedelta(days=n % 365),
            ("new", "paid", "sent")[n % 3],
            n % 50,
            n / 7,
            ("DE", "FR", "IT")[n % 3],
            None if n % 5 == 0 else f"a note for order {n}",
        )
        for n in range(first, first + BATCH_ROWS)
    ]


def as_text(tuples: Tuples) -> Tuples:
    """Return the texts of values, as a CSV file holds them."""
    render = [render_text(column.type) for column in SCHEMA]
    return [
        tuple(None if value is None else write(value) for write, value in zip(render, one, strict=True))
        for one in tuples
    ]


def make_peer(peer: str) -> Callable[[Tuples], Sequence[Any]]:
    """Return what a peer does with a batch."""
    validator, adapter = Validator(SCHEMA), TypeAdapter[Any](list[OF_PYDANTIC])
    peers: dict[str, Callable[[Tuples], Sequence[Any]]] = {
        "values": validator.rows,
        "text": validator.rows_of_text,
        "pydantic_values": lambda tuples: adapter.validate_python(tuples, strict=True),
        "pydantic_text": adapter.validate_python,
        "msgspec_values": lambda tuples: msgspec.convert(tuples, list[OF_MSGSPEC]),
        "msgspec_text": lambda tuples: msgspec.convert(tuples, list[OF_MSGSPEC], strict=False),
    }
    return peers[peer]


def run(peer: str, batches: list[Tuples], rows: int) -> int:
    validate = make_peer(peer)
    seen = 0
    while seen < rows:
        seen += len(validate(batches[seen // BATCH_ROWS % BATCHES]))
    return seen


def main(peer: str, rows: int) -> None:
    values = [make_tuples(1 + number * BATCH_ROWS) for number in range(BATCHES)]
    given = [as_text(tuples) for tuples in values] if peer.endswith("text") else values
    for batch, wanted in zip(given, values, strict=True):
        found = make_peer(peer)(batch)
        if [one if isinstance(one, tuple) else astuple(one) for one in found] != wanted:
            raise ValueError(f"{peer} makes other values of these rows")
    measure(rows, lambda: run(peer, given, rows))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
