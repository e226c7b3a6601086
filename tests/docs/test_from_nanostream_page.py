from __future__ import annotations

import re
from pathlib import Path

import pytest

import nanotyped
from nanotyped import nodes
from nanotyped.node import NanoNode, options_of
from nanotyped.registry import registered_nodes

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "from-nanostream.md"
LINES = PAGE.read_text(encoding="utf-8").splitlines()
ROWS = [line.strip("|").split(" | ") for line in LINES if line.startswith("| ") and not line.startswith("| **")]
# What the names of a row are no names of.
OTHERS = {"tinyint", "batch"}


@pytest.mark.parametrize("row", [row for row in ROWS if "`" in row[0]], ids=lambda row: row[0].strip())
def test_what_the_page_names_is_there(row: list[str]) -> None:
    """A node, an option or a member by the name that users know; or it is said to be gone, and it is."""
    options = {option for cls in registered_nodes().values() for option in options_of(cls)}
    known = {
        *dir(nanotyped),
        *dir(nodes),
        *dir(NanoNode),
        *dir(nanotyped.Row.from_dict({"a": 1})),
        *options,
        "max_queue_size",
    }
    # Of a call or an expression, the name that it begins with.
    names = {*re.findall(r"`([A-Za-z_]{2,})[`(]", row[0])} - OTHERS
    assert names or row[0].strip().startswith(("falsy", "unknown", "`a > b", "`pipeliner", "`tinyint"))
    if row[2].startswith("not there"):
        assert not names & {*dir(nanotyped), *dir(NanoNode), *options_of(NanoNode)}
    else:
        assert names <= known


def test_the_readme_leads_to_the_page() -> None:
    """Whoever comes with an old pipeline finds it."""
    assert "`docs/reference/from-nanostream.md`" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(len(row) == 4 for row in ROWS)
