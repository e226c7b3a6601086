"""What mypy says of nodes, rows and links: each ``# E: text`` line of a case gives that error, no other line any."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mypy import api

ROOT = Path(__file__).parents[2]
CASES = sorted(Path(__file__).with_name("cases").glob("*.py"))
EXPECTED = re.compile(r"# E: (?P<text>.*)$")
REPORTED = re.compile(r"^[^:]+:(?P<line>\d+): error: (?P<text>.*)$")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_mypy_finds_each_mistake_at_its_line_and_no_other(case: Path, tmp_path: Path) -> None:
    """Under ``mypy --strict`` a wrong column, value, row or link is an error at its very line; right code has none."""
    out, err, _ = api.run(
        [
            "--config-file",
            str(ROOT / "pyproject.toml"),
            "--cache-dir",
            str(tmp_path),
            "--no-error-summary",
            "--follow-imports=silent",
            str(case),
        ]
    )
    assert err == ""
    expected = {
        number: found["text"]
        for number, line in enumerate(case.read_text(encoding="utf-8").splitlines(), 1)
        if (found := EXPECTED.search(line))
    }
    reported: dict[int, str] = {}
    for found in filter(None, map(REPORTED.match, out.splitlines())):
        reported[int(found["line"])] = reported.get(int(found["line"]), "") + found["text"]
    assert reported.keys() == expected.keys(), out
    assert [line for line, text in expected.items() if text not in reported[line]] == []
    assert len(expected) > 10
