"""Buckets: equal values are in one, in every process; and what is spooled comes back in order."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from nanotyped.cluster.shuffle import Spool, bucket_of

BUCKETS = 1000
VALUES = st.one_of(
    st.none(),
    st.text(),
    st.binary(),
    st.integers(),
    st.decimals(allow_nan=False),
    st.datetimes(),
    st.dates(),
    st.times(),
    st.timedeltas(),
)


@given(st.integers(-(10**20), 10**20), st.integers(0, 5))
def test_equal_numbers_are_in_one_bucket(number: int, digits: int) -> None:
    """However they are written: 7, 7.00, and 7.0 where a float holds it."""
    written = [number, Decimal(number), Decimal(f"{number}.{'0' * digits}")]
    assert len({bucket_of([value], BUCKETS) for value in written}) == 1
    if float(number) == number:
        assert bucket_of([float(number)], BUCKETS) == bucket_of([number], BUCKETS)


def test_equal_moments_are_in_one_bucket() -> None:
    """Whatever zone they are told in."""
    moment = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
    elsewhere = moment.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert moment == elsewhere
    assert bucket_of([moment], BUCKETS) == bucket_of([elsewhere], BUCKETS)


@given(st.lists(VALUES, max_size=4), st.integers(1, 50))
def test_a_bucket_is_one_of_those_there_are(values: list[object], buckets: int) -> None:
    """Of values of every kind, nulls too."""
    assert 0 <= bucket_of(values, buckets) < buckets


def test_buckets_are_the_same_in_every_process() -> None:
    """Though Python tells texts apart by another seed in each."""
    code = (
        "from nanotyped.cluster.shuffle import bucket_of; from datetime import datetime; from decimal import Decimal;"
        "print([bucket_of([v], 1000) for v in ('a', b'a', 5, Decimal('2.50'), datetime(2020, 1, 1), None, {'b': 1})])"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1


@given(st.lists(st.dictionaries(st.integers(0, 3), st.lists(st.binary(), min_size=1, max_size=3)), max_size=5))
def test_what_is_spooled_comes_back_in_order(parts: list[dict[int, list[bytes]]]) -> None:
    """Piece by piece, those of earlier parts first; of a bucket without rows nothing."""
    spool = Spool(4)
    try:
        for pieces in parts:
            spool.add(pieces)
        for bucket in range(4):
            assert spool.read(bucket) == [piece for pieces in parts for piece in pieces.get(bucket, ())]
    finally:
        spool.close()
