"""``export``: a pipeline file as a Python program, or in the form of ``nodes`` and ``edges``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from nanotyped.cli.loading import load
from nanotyped.cli.output import CommandFailedError
from nanotyped.config import render_file_python
from nanotyped.errors import ExportError

if TYPE_CHECKING:
    from nanotyped.cli.arguments import Arguments


def export(arguments: Arguments) -> int:
    """Print the pipeline in another form; 0."""
    try:
        sys.stdout.write(_exported(arguments))
    except ExportError as error:
        raise CommandFailedError(f"{arguments.config}: {error}", 2) from error
    return 0


def _exported(arguments: Arguments) -> str:
    pipeline = load(arguments)
    if arguments.format == "yaml":
        return pipeline.to_yaml()
    return render_file_python(pipeline.file, pipeline.built)
