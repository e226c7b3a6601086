"""The size of pages: it follows how fast rows go on."""

from __future__ import annotations

from nanotyped.nodes.page_size import PageSize


def sizes(size: PageSize, *taken_s: float) -> list[int]:
    """Return the sizes of pages of which each but the last took so many seconds."""
    found = [size.rows]
    for seconds in taken_s:
        size.adapt(seconds)
        found.append(size.rows)
    return found


def test_pages_grow_where_rows_go_on_fast_and_shrink_where_they_do_not() -> None:
    """By two, between the bounds; in between they stay."""
    assert sizes(PageSize(10, 5, 30), 0, 0, 0, 0.5, 2, 2, 2, 2) == [10, 20, 30, 30, 30, 15, 7, 5, 5]


def test_the_most_holds_from_the_first_page_on() -> None:
    """Also where it is below the least."""
    assert sizes(PageSize(10, 5, 3), 0, 2) == [3, 3, 3]
