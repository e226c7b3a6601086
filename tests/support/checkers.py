"""Type checkers over files: what mypy and pyright report, by its place; and the caches that tests share."""

from __future__ import annotations

import fcntl
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mypy import api

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parents[2]
_REPORTED = re.compile(r"^(?P<file>[^:]+):(?P<line>\d+): error: (?P<text>.*)$")


@dataclass(frozen=True)
class Place:
    """A line of a file, by the file's name alone."""

    case: str
    line: int


def write_mypy_config(folder: Path, *, plugin: bool) -> Path:
    """Write the options of the project for mypy into a folder, with the plugin or without, and return the file."""
    config = folder / ("plugin.ini" if plugin else "plain.ini")
    config.write_text(
        "[mypy]\nstrict = true\nwarn_unreachable = true\n"
        "enable_error_code = deprecated, ignore-without-code, possibly-undefined, truthy-bool\n"
        "python_version = 3.12\n"  # for `type X = …`, which mypy may read where this Python does not
        f"mypy_path = {ROOT}/stubs\n"
        + ("plugins = nanotyped.mypy_plugin\n" if plugin else "")
        # No class of a case comes of these, and reading them takes half of the time.
        + "[mypy-confluent_kafka.*,cryptography.*,opentelemetry.*,pyarrow.*,pydantic.*,pydantic_core.*,pymysql.*,"
        "requests.*,rich.*,sqlalchemy.*,urllib3.*,watchfiles.*]\nfollow_imports = skip\n",
        encoding="utf-8",
    )
    return config


@contextmanager
def shared_cache(config: pytest.Config, name: str) -> Iterator[Path]:
    """Give the directory of a cache of mypy that tests of one set of options share, to one process at a time."""
    assert config.cache is not None
    cache = config.cache.mkdir(name)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield cache


def run_mypy(config: Path, cache: Path, paths: Iterable[Path]) -> dict[Place, str]:
    """Return what mypy reports."""
    flags = ["--no-error-summary", "--show-traceback", "--no-pretty", "--follow-imports=silent"]
    depth = sys.getrecursionlimit()
    try:
        out, err, _ = api.run(["--config-file", str(config), "--cache-dir", str(cache), *flags, *map(str, paths)])
    finally:
        sys.setrecursionlimit(depth)  # mypy sets its own, which hypothesis takes for a mistake of the test
    assert err == ""
    reported: dict[Place, str] = {}
    for found in filter(None, map(_REPORTED.match, out.splitlines())):
        place = Place(Path(found["file"]).name, int(found["line"]))
        reported[place] = f"{reported[place]}\n{found['text']}" if place in reported else found["text"]
    return reported


def run_pyright(folder: Path, paths: Iterable[Path], search: Iterable[Path] = (ROOT,)) -> dict[Place, str]:
    """Return what pyright reports in its standard mode; ``folder`` gets its configuration."""
    config = {
        "typeCheckingMode": "standard",
        "include": list(map(str, paths)),
        "extraPaths": list(map(str, search)),
        "stubPath": str(ROOT / "stubs"),
        "pythonVersion": "3.11",
        "reportUnusedExpression": "none",  # `a > b` links two nodes
    }
    (folder / "pyrightconfig.json").write_text(json.dumps(config), encoding="utf-8")
    pyright = shutil.which("basedpyright", path=str(Path(sys.executable).parent))
    assert pyright is not None
    command = [pyright, "--project", str(folder), "--pythonpath", sys.executable, "--outputjson"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    reported: dict[Place, str] = {}
    for one in json.loads(run.stdout)["generalDiagnostics"]:
        if one["severity"] == "error":
            place = Place(Path(one["file"]).name, one["range"]["start"]["line"] + 1)
            reported[place] = f"{reported[place]}\n{one['message']}" if place in reported else one["message"]
    return reported
