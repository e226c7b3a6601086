"""What a node's code finds on ``self``, and what is another in each thread of a node with several ``workers``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, overload

if TYPE_CHECKING:
    from nanotyped.node.nano_node import NanoNode


class OfThread:
    """An attribute of a node that each of its threads has to itself.

    It is looked at only where the node has no attribute of this name: in a node of one thread the engine sets one,
    which costs nothing; of several threads, each sets its own in ``NanoNode._of_thread``.

    Args:
        default: What a thread sees that has set nothing.
    """

    __slots__ = ("_default", "_name")

    def __init__(self, default: object) -> None:
        self._default = default
        self._name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, node: None, owner: type) -> Self: ...
    @overload
    def __get__(self, node: NanoNode[Any, Any], owner: type) -> Any: ...
    def __get__(self, node: NanoNode[Any, Any] | None, owner: type) -> Any:
        """Return what this thread has set."""
        return self if node is None else getattr(node._of_thread, self._name, self._default)
