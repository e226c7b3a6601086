"""The place where the program is called with bad input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.program import Doorbell, Workplace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def bell() -> Iterator[Doorbell]:
    """A port that counts who connects to it."""
    with Doorbell() as bell:
        yield bell


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Workplace:
    """An empty working directory, with next to no environment."""
    return Workplace(tmp_path, monkeypatch, capsys)
