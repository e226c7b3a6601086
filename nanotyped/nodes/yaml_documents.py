"""YAML files that nodes read: by the reader of the configuration, which is installed here when that is imported."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

from nanotyped.errors import ConfigProblem, NanotypedError


class YamlDocument(Protocol):
    """What a file holds.

    Attributes:
        value: The values.
        problems: Every mistake of the file, each at its place; the values are then not whole.
    """

    @property
    def value(self) -> Any: ...  # noqa: D102 - see above
    @property
    def problems(self) -> Sequence[ConfigProblem]: ...  # noqa: D102 - see above


YamlReader: TypeAlias = Callable[[str], YamlDocument]
_reader: list[YamlReader] = []


def install_yaml_reader(reader: YamlReader) -> None:
    """Make ``reader`` what reads YAML files from now on; it raises nothing, mistakes are problems of the document."""
    _reader[:] = [reader]


def load_yaml_document(path: str) -> YamlDocument:
    """Return what a YAML file holds, read as a pipeline file is: no aliases, no tags, depth and size bounded.

    Raises:
        NanotypedError: If the configuration was not imported.
    """
    if not _reader:
        raise NanotypedError("no configuration is installed; import nanotyped, not nanotyped.nodes alone")
    return _reader[0](path)
