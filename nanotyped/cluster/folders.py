"""Temporary folders of a process, which those that come later clear away if it is killed before it can."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

_PREFIX = "nanotyped"


def make_folder(kind: str) -> Path:
    """Return a new folder for what this process keeps of a kind, and remove those of processes that have ended."""
    beginning = f"{_PREFIX}-{kind}-"
    for folder in Path(tempfile.gettempdir()).glob(f"{beginning}*"):
        process = folder.name.removeprefix(beginning).partition("-")[0]
        if process.isdecimal() and _has_ended(int(process)):
            shutil.rmtree(folder, ignore_errors=True)  # another's, which the owner alone may remove, stays
    return Path(tempfile.mkdtemp(prefix=f"{beginning}{os.getpid()}-"))


def _has_ended(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False  # it is somebody else's
    return False
