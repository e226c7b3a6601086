"""Temporary folders: of processes that were killed, the next one clears them away."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

from nanotyped.cluster.folders import make_folder

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_folders_of_processes_that_have_ended_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of this one, of others that run, and of other names stay."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = {name: tmp_path / name for name in (f"nanotyped-shuffle-{ended.pid}-a", f"nanotyped-other-{ended.pid}-a")}
    left["nanotyped-shuffle-1-a"] = tmp_path / "nanotyped-shuffle-1-a"
    for folder in left.values():
        folder.mkdir()
        (folder / "file").write_text("")
    first, second = make_folder("shuffle"), make_folder("shuffle")
    assert {path.name for path in tmp_path.iterdir()} == {
        *(set(left) - {f"nanotyped-shuffle-{ended.pid}-a"}),
        first.name,
        second.name,
    }
