"""``nodes``: the node classes that a file may name, each with its first sentence."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nanotyped import nodes as _built_in_nodes  # noqa: F401 - importing them registers them
from nanotyped.cli.loading import load_modules
from nanotyped.registry import registered_nodes

if TYPE_CHECKING:
    from nanotyped.cli.arguments import Arguments


def nodes(arguments: Arguments) -> int:
    """Print every class with the first sentence of its docstring, by name; 0."""
    load_modules(arguments)
    found = registered_nodes()
    width = max(map(len, found), default=0)
    for name, cls in found.items():
        summary = re.split(r"(?<=[.:])\s", " ".join((cls.__doc__ or "").split()), maxsplit=1)[0]
        print(f"{name.ljust(width)}  {summary}".rstrip())
    return 0
