"""What nodes are made of, in another process: the very same types, and functions without a name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from nanotyped import ReadRows, SequenceEmitter, mysql_type
from nanotyped.cluster.recipe import pack_nodes

CODE = """
import pickle, sys
from nanotyped import mysql_type
from nanotyped.engine.fingerprint import digest_of
from nanotyped.cluster.recipe import make_nodes
found = pickle.load(open(sys.argv[1], "rb"))
read = found[0].options["output_schema"]
assert all(kind is mysql_type(text) for text, kind in read.items()), read
assert found[1].options["post_process_function"](3) is True
print(*(one.label for one in found))
"""
TYPES = ("varchar(5)", "decimal(12,2) unsigned", "enum('a','b')", "set('x')", "bigint unsigned", "datetime(3)", "json")


def test_types_are_the_same_in_another_process(tmp_path: Path) -> None:
    """A copy of a type, though it looked the same, would be another one; and a lambda travels as its code."""
    read = ReadRows(name="read", path="a.csv", output_schema={text: mysql_type(text) for text in TYPES})
    keep = SequenceEmitter([1], name="keep", post_process_function=lambda value: value == 3)
    (tmp_path / "packed").write_bytes(pack_nodes([read, keep]))
    command = [sys.executable, "-c", CODE, str(tmp_path / "packed")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3])
    assert (done.stdout, done.stderr) == ("read keep\n", "")
