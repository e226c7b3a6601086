"""SQLAlchemy, when it is first needed: it takes a fourth of the time in which a command starts, and few need it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlalchemy as sa


class LazyModule:
    """A module that is imported when something of it is first asked for. Safe to use from several threads.

    Args:
        name: Its dotted name.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(importlib.import_module(self._name), attribute)


if not TYPE_CHECKING:
    sa = LazyModule("sqlalchemy")

__all__ = ["LazyModule", "sa"]
