"""``schema``: the JSON Schema of pipeline files, for editors."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from nanotyped.cli.loading import load_modules
from nanotyped.config import render_schema

if TYPE_CHECKING:
    from nanotyped.cli.arguments import Arguments


def schema(arguments: Arguments) -> int:
    """Print the schema, with the options of every node class, those of the operator's modules too; 0."""
    load_modules(arguments)
    sys.stdout.write(render_schema())
    return 0
