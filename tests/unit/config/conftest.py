"""The sample nodes, known to YAML for the time of a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nanotyped.registry import register_node, temporary_registry
from tests.unit.config.sample_nodes import ALL


@pytest.fixture(autouse=True)
def sample_registry() -> Iterator[None]:
    """Register the sample nodes, and forget them afterwards."""
    with temporary_registry():
        for cls in ALL:
            register_node(cls)
        yield
