"""The stubs of untyped dependencies say what is so, and the examples are right for pyright too."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
STUBS = ROOT / "stubs"


def test_stubs_agree_with_what_is_installed() -> None:
    """Each name and signature of a stub is that of the package; those of the benchmarks are held to it where it is."""
    packages = [found.name for found in STUBS.iterdir() if (found / "__init__.pyi").exists()]
    installed = [name for name in packages if importlib.util.find_spec(name) is not None]
    assert "re2" in installed
    # Only what is used stands in them.
    flags = ["--concise", "--ignore-missing-stub", "--ignore-unused-allowlist"]
    allowed = ["--allowlist", str(STUBS / "stubtest-allowlist.txt")]
    run = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", *flags, *allowed, *installed],
        cwd=ROOT,
        env={**os.environ, "MYPYPATH": str(STUBS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.stdout, run.stderr, run.returncode) == ("", "", 0)


def test_pyright_finds_nothing_in_the_examples(tmp_path: Path) -> None:
    """What users begin with is right for both checkers."""
    config = {
        "typeCheckingMode": "standard",
        "include": [str(ROOT / "examples")],
        "extraPaths": [str(ROOT)],
        "stubPath": str(STUBS),
        "pythonVersion": "3.11",
        "reportUnusedExpression": "none",  # `a > b` links two nodes
    }
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(config), encoding="utf-8")
    pyright = shutil.which("basedpyright", path=str(Path(sys.executable).parent))
    assert pyright is not None
    command = [pyright, "--project", str(tmp_path), "--pythonpath", sys.executable, "--outputjson"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    found = json.loads(run.stdout)
    assert found["generalDiagnostics"] == []
    assert found["summary"]["filesAnalyzed"] == len(list((ROOT / "examples").rglob("*.py")))
