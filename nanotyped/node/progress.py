"""How much a source has to give: what per cent and time left are reckoned from while a run is watched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SizeUnit = Literal["rows", "bytes", "keys"]


@dataclass(frozen=True, slots=True)
class SizeHint:
    """How much a source gives in this run, as far as it is known; what earlier runs gave is not in it.

    Attributes:
        total: Of how many units it is.
        unit: What is counted: ``rows``, ``bytes`` of a file, or ``keys``, the distance between two values of a key.
        exact: Whether it was counted. What was estimated is shown with a ``~``.
    """

    total: float
    unit: SizeUnit = "rows"
    exact: bool = True
