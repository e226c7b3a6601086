"""Attributes that a node gets when it starts: ``get_runtime_attrs`` and the options beside it."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nanotyped.errors import PipelineStateError, shown

if TYPE_CHECKING:
    from nanotyped.node.functions import Function
    from nanotyped.node.nano_node import NanoNode


@dataclass(frozen=True, slots=True)
class RuntimeAttributes:
    """A function that is called once at the start of a node, and where the items of what it returns go.

    Attributes:
        function: It returns a mapping or ``None``.
        arguments: Its arguments.
        keywords: Its keywords.
        destinations: Names of attributes by keys of the mapping; other keys are names of attributes themselves.
        taken: Names that are no other's.
    """

    function: Function
    arguments: tuple[Any, ...]
    keywords: Mapping[str, Any]
    destinations: Mapping[str, str]
    taken: AbstractSet[str]

    def set_on(self, node: NanoNode[Any, Any]) -> None:
        """Call the function and set the attributes.

        Raises:
            PipelineStateError: If it returned no mapping of names, or a name that every node has for itself.
        """
        found = self.function(*self.arguments, **self.keywords)
        if found is None:
            return
        if not isinstance(found, Mapping):
            raise PipelineStateError(f"get_runtime_attrs returns a mapping or None; it returned {shown(found)}")
        for key, value in found.items():
            name = self.destinations.get(key, key)
            if not isinstance(name, str) or not name.isidentifier():
                raise PipelineStateError(f"get_runtime_attrs: {name!r} is no name of an attribute")
            if name.startswith("_") or name in self.taken:
                raise PipelineStateError(
                    f"get_runtime_attrs: `{name}` is an attribute of every node; "
                    "give it another name with runtime_attrs_destinations"
                )
            setattr(node, name, value)
