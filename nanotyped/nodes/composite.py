"""Composites: nodes that are made of nodes. What runs, and what the graph sees, are the parts.

A composite is a ``DynamicClassMediator`` with parts and wiring; ``nanotyped.config.class_factory`` makes one out of a
mapping. A link into it leads into the parts at its head, a link out of it starts from those at its tail.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from nanotyped.node import NanoNode, options_of
from nanotyped.node.links import In_contra, Out_co, link_nodes

if TYPE_CHECKING:
    from nanotyped.node import Status
    from nanotyped.row import Schema

AnyNode = NanoNode[Any, Any]
# Of the common options: what is about the message as it comes, and what is about the result. The others are for all.
_AT_HEAD = frozenset(
    {"input_schema", "key", "input_mapping", "input_message_keypath", "throttle", "send_batch_markers", "keep_alive"}
)
_AT_TAIL = frozenset(
    {
        "output_schema",
        "output_key",
        "retain_input",
        "post_process_function",
        "post_process_keypath",
        "post_process_function_kwargs",
    }
)
OWN_OPTIONS = ("name", "summary")


@dataclass(frozen=True, slots=True)
class Part:
    """One node inside of a composite.

    Attributes:
        name: Its name in there.
        cls: Its class.
        frozen: Options that are the same in each instance.
        remapping: Its own name of an option, and the name that the composite has for it.
        written: The frozen options as a file has them, with references to the environment.
    """

    name: str
    cls: type[AnyNode]
    frozen: Mapping[str, Any] = field(default_factory=dict)
    remapping: Mapping[str, str] = field(default_factory=dict)
    written: Mapping[str, Any] = field(default_factory=dict, compare=False)


class DynamicClassMediator(NanoNode[In_contra, Out_co]):
    """Base of composites: linked, started, checked and drawn like a node, it stands for the nodes that it is made of.

    Its options are those that its parts have mapped to outer names, and the common ones. Of these, what is about the
    message as it comes (``key``, ``input_schema``, …) goes to the parts at the head, what is about the result
    (``retain_input``, ``output_schema``, …) to those at the tail, and the others, such as ``on_error``, to each part; a
    part that has frozen an option keeps it. A part is called ``composite.part``.

    Needs: what the parts at its head need. Gives: what those at its tail give.

    Raises:
        TypeError: If an option is unknown, frozen or missing.
    """

    parts: ClassVar[tuple[Part, ...]] = ()
    wiring: ClassVar[tuple[tuple[str, str], ...]] = ()
    variables: ClassVar[Mapping[str, str]] = {}
    """The variables of the environment that frozen options were made of, with their values, for redaction."""

    def __init__(self, **options: Any) -> None:
        known = options_of(type(self))
        own = {name: value for name, value in options.items() if name in OWN_OPTIONS or name not in known}
        given = {name: value for name, value in options.items() if name not in own}
        self._refuse_frozen(own)
        super().__init__(**own)  # refuses what is unknown
        missing = [name for name, found in known.items() if found.default is found.empty and name not in options]
        if missing:
            raise TypeError(f"{type(self).__name__} needs the option `{'`, `'.join(missing)}`")
        self.inner: Mapping[str, AnyNode] = {}
        self.inner = {part.name: self._make(part, given) for part in self.parts}
        self._adopt()
        for source, target in self.wiring:
            link_nodes(self.inner[source], self.inner[target])

    def _refuse_frozen(self, options: Mapping[str, Any]) -> None:
        for part in self.parts:
            for name in part.frozen:
                if name in options and name not in OWN_OPTIONS:
                    raise TypeError(f"{type(self).__name__} has frozen the option `{name}` of its part `{part.name}`")

    def _make(self, part: Part, given: Mapping[str, Any]) -> AnyNode:
        options = {inner: given[outer] for inner, outer in part.remapping.items() if outer in given}
        mapped = {outer for one in self.parts for outer in one.remapping.values()}
        for name in given.keys() - mapped:
            if part.name in self._takers(name):
                options[name] = given[name]
        return part.cls(**{**part.frozen, **options, "name": f"{self.name}.{part.name}"})

    def _takers(self, option: str) -> list[str]:
        """Return the parts that a common option goes to.

        Raises:
            TypeError: If there is none.
        """
        ends = {source for source, _ in self.wiring} if option in _AT_TAIL else {target for _, target in self.wiring}
        places = [part for part in self.parts if option not in _AT_HEAD | _AT_TAIL or part.name not in ends]
        free = [part for part in places if option not in part.frozen and option not in part.remapping]
        takers = [part.name for part in free if option in options_of(part.cls)]
        if not takers:
            raise TypeError(f"{type(self).__name__} has no part that takes `{option}`, or each has frozen or mapped it")
        return takers

    def _adopt(self) -> None:
        """Let the parts be known as such, down to the last; their names are generated where that of this one is."""
        for node in self.inner.values():
            node.part_of = self
            node.has_given_name = self.has_given_name
            if isinstance(node, DynamicClassMediator):
                node._adopt()

    # -- its own wiring ----------------------------------------------------------------

    def source_list(self) -> list[AnyNode]:
        """Return the parts that no other part leads to; links from outside change nothing."""
        targets = {target for _, target in self.wiring}
        return [node for name, node in self.inner.items() if name not in targets]

    def sink_list(self) -> list[AnyNode]:
        """Return the parts that lead to no other part; links to the outside change nothing."""
        sources = {source for source, _ in self.wiring}
        return [node for name, node in self.inner.items() if name not in sources]

    def get_source(self) -> AnyNode | None:
        """Return the one part that no other leads to, ``None`` if there is none.

        Raises:
            ValueError: If there are several.
        """
        return self._only(self.source_list(), "sources", "source_list()")

    def get_sink(self) -> AnyNode | None:
        """Return the one part that leads to no other, ``None`` if there is none.

        Raises:
            ValueError: If there are several.
        """
        return self._only(self.sink_list(), "sinks", "sink_list()")

    def _only(self, found: list[AnyNode], what: str, instead: str) -> AnyNode | None:
        if len(found) > 1:
            names = ", ".join(f"`{node.label}`" for node in found)
            raise ValueError(f"`{self.label}` has several {what}: {names}; {instead} gives all of them")
        return found[0] if found else None

    # -- places in the graph -----------------------------------------------------------

    def member_nodes(self) -> tuple[AnyNode, ...]:
        """Return the nodes that run for this one, parts of parts included."""
        return tuple(leaf for node in self.inner.values() for leaf in node.member_nodes())

    def entry_nodes(self) -> tuple[AnyNode, ...]:
        """Return the nodes that a link into this leads to: those at the head that take rows, or all there."""
        heads = [leaf for node in self.source_list() for leaf in node.entry_nodes()]
        takers = [leaf for leaf in heads if _takes_rows(leaf)]
        return self._ends(takers or heads)

    def exit_nodes(self) -> tuple[AnyNode, ...]:
        """Return the nodes that a link out of this starts from."""
        return self._ends([leaf for node in self.sink_list() for leaf in node.exit_nodes()])

    def _ends(self, found: list[AnyNode]) -> tuple[AnyNode, ...]:
        if not found:
            why = "its parts are wired in a circle" if self.inner else "it has no parts"
            raise TypeError(f"`{self.label}` cannot be linked: {why}")
        return tuple(found)

    def _anchor(self) -> AnyNode:
        members = self.member_nodes()
        return members[0] if members else self

    @property
    def is_source(self) -> bool:
        """Whether no edge leads in from outside."""
        return not self.input_node_list

    @property
    def is_sink(self) -> bool:
        """Whether no edge leads out."""
        return not self.output_node_list

    @property
    def input_node_list(self) -> list[AnyNode]:
        """The nodes outside that send to the parts, in order of linking."""
        members = set(self.member_nodes())
        found = {node: None for member in members for node in member.input_node_list if node not in members}
        return list(found)

    @property
    def output_node_list(self) -> list[AnyNode]:
        """The nodes outside that the parts send to, in order of linking."""
        members = self.member_nodes()
        found = {node: None for member in members for node in member.output_node_list if node not in set(members)}
        return list(found)

    def unlink(self, target: AnyNode) -> None:
        """Take the links of the parts to ``target`` away; without one: nothing."""
        for leaf in self.exit_nodes():
            for other in target.entry_nodes():
                leaf.unlink(other)

    # -- contracts ---------------------------------------------------------------------

    def discover_schema(self) -> None:
        """Let each part look at what is live."""
        for node in self.inner.values():
            node.discover_schema()

    def needed_input(self) -> Schema | None:
        """Return the columns that the parts at the head need, ``None`` where none of them declares any."""
        found: Schema | None = None
        for node in self.source_list():
            needed = node.needed_input()
            found = needed if found is None or needed is None else found.merge(needed)
        return found

    def own_output(self) -> Schema | None:
        """Return what the part at the tail gives of its own; ``None`` where there are several, or it declares none."""
        tails = self.sink_list()
        return tails[0].own_output() if len(tails) == 1 else None

    def output_schema_for(self, given: Schema | None) -> Schema | None:
        """Return what the tail sends for rows of ``given``, part by part; ``None`` where it is not one schema."""
        flows: dict[str, Schema | None] = {}
        waiting = list(self.inner)
        while waiting:
            ready = [name for name in waiting if all(one in flows for one, other in self.wiring if other == name)]
            if not ready:
                return None  # a circle
            for name in ready:
                before = [flows[one] for one, other in self.wiring if other == name]
                comes = _same(before) if before else given
                flows[name] = self.inner[name].output_schema_for(comes)
            waiting = [name for name in waiting if name not in flows]
        sources = {source for source, _ in self.wiring}
        return _same([schema for name, schema in flows.items() if name not in sources])

    # -- while it runs -----------------------------------------------------------------

    @property
    def status(self) -> Status:
        """``error`` if a part failed, ``running`` if one runs, ``success`` if all succeeded, else ``stopped``."""
        found = {node.status for node in self.inner.values()}
        for status in ("error", "running"):
            if status in found:
                return status
        return "success" if found == {"success"} else "stopped"

    @property
    def time_running(self) -> float | None:
        """Seconds that the part took, or takes, that took longest; ``None`` before the start."""
        found = [node.time_running for node in self.inner.values()]
        return max((seconds for seconds in found if seconds is not None), default=None)

    @property
    def messages_received_counter(self) -> int:
        """Rows that the parts at the head took in."""
        return sum(node.messages_received_counter for node in self.source_list())

    @property
    def messages_sent_counter(self) -> int:
        """Rows that the parts at the tail sent on."""
        return sum(node.messages_sent_counter for node in self.sink_list())

    @property
    def input_queue_size(self) -> int:
        """Rows that wait on all inputs of the parts at the head."""
        return sum(node.input_queue_size for node in self.source_list())


def compose_class(
    name: str,
    parts: tuple[Part, ...],
    wiring: tuple[tuple[str, str], ...],
    doc: str = "",
    variables: Mapping[str, str] | None = None,
) -> type[DynamicClassMediator[Any, Any]]:
    """Return a composite class; what ``parts`` and ``wiring`` hold was checked before."""
    namespace = {
        "__module__": __name__,
        "__doc__": doc or f"A composite of {', '.join(part.cls.__name__ for part in parts)}.",
        "__init__": _constructor(parts),
        "parts": parts,
        "wiring": wiring,
        "variables": dict(variables or {}),
    }
    return type(name, (DynamicClassMediator,), namespace)


def _constructor(parts: tuple[Part, ...]) -> Callable[..., None]:
    """Return a constructor whose signature is that of the composite: its outer names, then the common options."""

    def construct(self: DynamicClassMediator[Any, Any], **options: Any) -> None:
        DynamicClassMediator.__init__(self, **options)

    outer: dict[str, inspect.Parameter] = {}
    origins: dict[str, tuple[type[AnyNode], str]] = {}
    for part in parts:
        known = options_of(part.cls)
        for inner, name in part.remapping.items():
            found = known[inner].replace(name=name, kind=inspect.Parameter.KEYWORD_ONLY)
            if name not in outer or found.default is found.empty:
                outer[name] = found
                origins[name] = (part.cls, inner)
    common = {name: found for name, found in options_of(NanoNode).items() if name not in outer}
    first = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    construct.__name__ = "__init__"
    construct.__signature__ = inspect.Signature([first, *outer.values(), *common.values()])  # type: ignore[attr-defined]  # inspect reads it
    construct.option_origins = origins  # type: ignore[attr-defined]  # whoever reads annotations looks there
    return construct


def _takes_rows(node: AnyNode) -> bool:
    cls = type(node)
    return cls.process_item is not NanoNode.process_item or cls.process_batch is not NanoNode.process_batch


def _same(schemas: list[Schema | None]) -> Schema | None:
    return schemas[0] if schemas and all(schema == schemas[0] for schema in schemas) else None
