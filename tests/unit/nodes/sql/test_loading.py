"""What a command does not need is not loaded: SQLAlchemy takes a fourth of the time in which one starts."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import sys
import nanotyped.cli.commands
print(sorted({name.partition(".")[0] for name in sys.modules} & {"sqlalchemy", "distributed", "dask", "pyarrow"}))
from nanotyped import StreamTable
StreamTable(url="sqlite:///a.db", table="a")
print("sqlalchemy" in sys.modules)
"""


def test_what_reads_tables_is_loaded_by_what_reads_tables() -> None:
    """Neither SQLAlchemy nor what comes with extras is there before something needs it."""
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert (done.stdout.splitlines(), done.stderr) == (["[]", "True"], "")
