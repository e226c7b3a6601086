"""Cutting the keys of a table into ranges of near-equal size, by what the server's index tells of ranges."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Protocol

from nanotyped.nodes.sql.description import Cut, Key
from nanotyped.nodes.sql.midpoints import anywhere, between

# Ranges are cut to about half of what is wanted of a part, for of small ones more is known; then they are put together.
_PIECE, _CUT_ABOVE = 0.5, 0.75
# Of a guess at texts or UUIDs: the share of the rows on the smaller side that makes a second guess needless.
_BALANCED = 0.2
# InnoDB doubles what it tells of a range of more than a few pages, lest it be too low.
_LEAST_SCALE = 0.45
# Cuts that are tried, at the most: so many for each part that is wanted, and some more.
_CUTS_A_PART, _LEAST_CUTS = 64, 256


class Ranges(Protocol):
    """What can be asked of the keys of a table, each for next to nothing."""

    def rows(self, after: Key | None, upper: Key | None) -> int | None:
        """Return about how many rows lie behind a key, up to and with another; ``None``: that is not told."""

    def last_before(self, after: Key | None, edge: Key) -> Key | None:
        """Return the highest key behind ``after`` whose first columns are below ``edge``."""

    def first_from(self, edge: Key, upper: Key) -> Key | None:
        """Return the lowest key, up to ``upper``, whose first columns are ``edge`` or above."""


@dataclass(frozen=True, slots=True, order=True)
class _Segment:
    """A range of keys, of which the first and the last are there.

    Attributes:
        rank: By which the largest comes first.
        path: By which they stand in the order of their keys.
        rows: About how many rows it has, as the server tells.
    """

    rank: float
    path: str
    rows: float = field(compare=False)
    after: Key | None = field(compare=False)
    first: Key = field(compare=False)
    last: Key = field(compare=False)


@dataclass(slots=True)
class Bisection:
    """Cuts a table in two, and the larger parts again, until they are of the size that is wanted.

    Each cut takes four small statements, and up to eight of texts and UUIDs, of which there may be two guesses: for the
    keys on both sides of it, and the rows. It lies where the rows that are wanted would end if they lay evenly; so an
    even table takes two cuts a part, and any other one as many more as it takes halvings to come to where its keys are
    crowded. What is told of ranges of different sizes is not told alike: it is scaled so that it comes to the whole.

    Args:
        ranges: What answers.
        codecs: By column of the key, the codec of its texts.
        group: How many leading columns of the key no cut may lie within equal values of.
    """

    ranges: Ranges
    codecs: Sequence[str]
    group: int
    _total: int = 0
    _outside: float = 0
    _told: float = 0

    def about_rows(self, first: Key, last: Key) -> int | None:
        """Return about how many rows lie from the first key to the last; ``None`` where that is not told."""
        total, inside = self.ranges.rows(None, None), self.ranges.rows(first, last)
        if total is None or inside is None:
            return None
        self._total = total
        # One is told where there is none, and the first key itself is within.
        beside = (self.ranges.rows(None, first), self.ranges.rows(last, None))
        self._outside = sum(max(0, (rows or 0) - 1) for rows in beside)
        is_capped = 2 * (inside + 2) >= total  # InnoDB tells of no range that it has more than half of the table
        self._told = max(inside + 1, total - self._outside if is_capped else 0)
        return round(self._told)

    def cuts(self, first: Key, last: Key, size: int) -> list[Cut]:
        """Return the parts from the first key to the last, once ``about_rows`` told how many rows that are."""
        heap = [_Segment(-self._told, "", self._told, None, first, last)]
        whole: list[_Segment] = []
        for _ in range(_LEAST_CUTS + _CUTS_A_PART * (round(self._told) // size)):
            if not heap or heap[0].rows * self._scale() <= _CUT_ABOVE * size:
                break
            segment = heapq.heappop(heap)
            pieces = max(2, round(segment.rows * self._scale() / (size * _PIECE)))
            parts = self._cut(segment, Fraction(pieces // 2, pieces))
            if parts is None:
                whole.append(segment)
                continue
            self._told += sum(part.rows for part in parts) - segment.rows
            for part in parts:
                heapq.heappush(heap, part)
        return self._packed(sorted([*heap, *whole], key=lambda segment: segment.path), size)

    def _scale(self) -> float:
        """Return by what the rows that are told are multiplied, so that all of them are those of the table."""
        return min(1.0, max(_LEAST_SCALE, self._total / max(1.0, self._told + self._outside)))

    def _packed(self, segments: list[_Segment], size: int) -> list[Cut]:
        found: list[Cut] = []
        gathered = 0
        for segment in segments:
            rows = max(1, round(segment.rows * self._scale()))
            if found and gathered + rows / 2 <= size:
                gathered += rows
                found[-1] = Cut(segment.last, gathered)
            else:
                gathered = rows
                found.append(Cut(segment.last, rows))
        return found

    def _cut(self, segment: _Segment, share: Fraction) -> tuple[_Segment, _Segment] | None:
        """Return the two parts of a segment; ``None`` if it cannot be cut."""
        for edges in self._edges(segment, share):
            best: tuple[_Segment, _Segment] | None = None
            for edge in edges:
                parts = self._parts(segment, edge)
                if parts is None or (best is not None and _smaller(parts) <= _smaller(best)):
                    continue
                best = parts
                if _smaller(parts) >= _BALANCED * sum(part.rows for part in parts):
                    break
            if best is not None:
                return best
        return None

    def _edges(self, segment: _Segment, share: Fraction) -> Iterator[list[Key]]:
        """Yield where a segment may be cut, some places to choose from at a time: the lowest keys of its upper part."""
        for place in range(self.group):
            low, high = segment.first[place], segment.last[place]
            if low == high:
                continue
            before = segment.first[:place]  # the same as those of the last, or nothing lies between them for the server
            yield [(*before, value) for value in between(low, high, share, self.codecs[place])]
            yield [(*before, value) for value in anywhere(low, high, self.codecs[place])]
            if place + 1 < self.group:
                yield [(*before, high)]

    def _parts(self, segment: _Segment, edge: Key) -> tuple[_Segment, _Segment] | None:
        last, first = self.ranges.last_before(segment.after, edge), self.ranges.first_from(edge, segment.last)
        if last is None or first is None:
            return None
        below, above = self.ranges.rows(segment.after, last), self.ranges.rows(last, segment.last)
        if below is None or above is None:
            return None
        below, above = max(1, below), max(1, above)
        return (
            _Segment(-below, segment.path + "0", below, segment.after, segment.first, last),
            _Segment(-above, segment.path + "1", above, last, first, segment.last),
        )


def _smaller(parts: tuple[_Segment, _Segment]) -> float:
    return min(part.rows for part in parts)
