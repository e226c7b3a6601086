from __future__ import annotations

import re

from nanotyped import nodes
from nanotyped.node import NanoNode
from scripts.nodes_page import GROUPS, PAGE, describe, documented_names, render_page


def test_the_page_of_nodes_is_what_the_code_says() -> None:
    """The page in the repository is the generated one, byte for byte; if this fails, `make docs` mends it."""
    assert PAGE.read_text(encoding="utf-8") == render_page()


def test_every_node_is_on_the_page_once() -> None:
    """Each node that comes with the package stands in one group."""
    listed = [name for names in GROUPS.values() for name in names]
    assert sorted(listed) == sorted(documented_names())


def test_every_node_says_what_it_needs_and_gives() -> None:
    """No node leaves out what must come, what it sends, or what one of its options means."""
    silent = []
    for name in documented_names():
        cls = getattr(nodes, name)
        if issubclass(cls, NanoNode):
            text = describe(cls.__doc__ or "").text
            silent += [f"{name}: {word}" for word in ("eeds", "ives") if word not in text]
    assert silent == []
    empty = re.findall(r"^\| `(\w+)` \| .* \|  \|$", render_page(), re.MULTILINE)
    assert empty == []
