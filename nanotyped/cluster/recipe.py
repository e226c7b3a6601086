"""What a worker makes the nodes of a segment of: classes by their importable names, options, and links, as bytes."""

from __future__ import annotations

import copyreg
import hashlib
import importlib
import importlib.util
import io
import pickle
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from nanotyped.engine.fingerprint import digest_of
from nanotyped.errors import ClusterError, GraphProblem, GraphStructureError

if TYPE_CHECKING:
    from types import ModuleType

    from nanotyped.graph import Graph
    from nanotyped.graph.flows import Node

MOST_MODULE_BYTES = 20_000_000


@dataclass(frozen=True, slots=True)
class Versions:
    """What must be the same in all processes of a run.

    Attributes:
        python: As ``3.11``: functions travel as the code of one such version.
        nanotyped: The version of the package.
    """

    python: str
    nanotyped: str

    @classmethod
    def here(cls) -> Versions:
        """Return those of this process."""
        return cls(f"{sys.version_info.major}.{sys.version_info.minor}", version("nanotyped"))

    def difference(self, other: Versions) -> str:
        """Return in what a worker's differ, in words; ``""`` where they do not."""
        pairs = (("Python", self.python, other.python), ("nanotyped", self.nanotyped, other.nanotyped))
        return ", ".join(
            f"{what} {theirs} where the coordinator has {ours}" for what, ours, theirs in pairs if ours != theirs
        )


@dataclass(frozen=True, slots=True)
class ModuleSource:
    """A module that travels with the pipeline: the files of its outermost package, or its one file, by path."""

    name: str
    files: Mapping[str, bytes]

    @property
    def digest(self) -> str:
        """What tells it from another of the same name."""
        return _digest_of(self.files)


@dataclass(frozen=True, slots=True)
class NodeRecipe:
    """One node: what its class is called, and what it is made with."""

    module: str
    class_name: str
    arguments: tuple[Any, ...]
    options: Mapping[str, Any]
    name: str
    label: str
    has_given_name: bool
    digest: str


@dataclass(frozen=True, slots=True)
class SegmentRecipe:
    """All that a worker needs to know of a segment.

    Attributes:
        run_id: Id of the run.
        pipeline_name: Name of the pipeline.
        nodes: Its nodes, the source first, as bytes: what they are made of may need the modules.
        edges: The links among them, by place, each with its bound in rows.
        schemas: What passes over each of these links, spelled.
        returning: The places of the nodes whose rows go on at the coordinator.
        sorting: The places of the nodes whose rows are brought together by groups, each with the columns that make a
            group and the number of buckets.
        copies: How many parts are worked on at the same time.
        grace_s: How long nodes may take to end after a failure or a stop.
        modules: What travels with it.
        versions: What the worker must have.
        topic: Where it tells how far it is.
    """

    run_id: str
    pipeline_name: str | None
    nodes: bytes
    edges: tuple[tuple[int, int, int], ...]
    schemas: tuple[tuple[str, ...], ...]
    returning: tuple[int, ...]
    sorting: tuple[tuple[int, tuple[str, ...], int], ...]
    copies: int
    grace_s: float
    modules: tuple[ModuleSource, ...]
    versions: Versions
    topic: str


def pack_nodes(nodes: Iterable[Node]) -> bytes:
    """Return what nodes are made of as bytes."""
    return _packed(tuple(map(node_recipe, nodes)))


def _packed(value: object) -> bytes:
    """Return a value as bytes. Functions that have no name in a module, such as lambdas, travel as their code.

    Classes that say themselves how they are made again, as column types do, are: a copy of one would be another type.
    """
    pickler: Any = importlib.import_module("cloudpickle").Pickler

    class Packer(pickler):  # type: ignore[misc]  # without annotations, and an extra
        def reducer_override(self, given: Any) -> Any:
            reduce = copyreg.dispatch_table.get(type(given)) if isinstance(given, type) else None
            return super().reducer_override(given) if reduce is None else reduce(given)

    file = io.BytesIO()
    Packer(file).dump(value)
    return file.getvalue()


# -- at the coordinator ----------------------------------------------------------------


def travel_problems(node: Node) -> list[GraphProblem]:
    """Return why a node cannot be made again in another process, by its class and its options."""
    found = [reason] if (reason := _class_problem(type(node))) else []
    given = {f"argument {place}": value for place, value in enumerate(node.given_arguments, 1)}
    for name, value in (given | dict(node.given_options)).items():
        try:
            _packed(value)
        except Exception as error:  # noqa: BLE001 - whatever a value's own code raises when it is to be pickled
            found.append(f"`{name}` cannot be sent: {type(error).__name__}: {error}")
    return [
        GraphStructureError(f"node `{node.label}` cannot be made on a worker: {reason}", node=node.label)
        for reason in found
    ]


def _class_problem(cls: type[Node]) -> str:
    name = cls.__name__
    if cls.__module__ == "__main__":
        return f"its class {name} stands in the program itself, which workers do not import; move it into a module"
    if "<locals>" in cls.__qualname__:
        return f"its class {name} stands inside of a function, where nothing can be imported from; move it out"
    if not is_importable(cls):
        return f"`{cls.__module__}.{cls.__qualname__}` is not what its class {name} can be imported as"
    return ""


def is_importable(cls: type) -> bool:
    """Return whether a class is found by its names."""
    try:
        return cls.__module__ != "__main__" and _find(cls.__module__, cls.__qualname__) is cls
    except (ImportError, AttributeError):
        return False


def _find(module: str, name: str) -> Any:
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


def node_recipe(node: Node) -> NodeRecipe:
    """Return what a node is made of."""
    cls = type(node)
    whole = node.part_of is not None and not node.has_given_name  # known by its composite, which does not travel
    return NodeRecipe(
        cls.__module__,
        cls.__qualname__,
        node.given_arguments,
        dict(node.given_options),
        node.label if whole else node.name,
        node.label,
        node.has_given_name or whole,
        digest_of(node),
    )


def module_sources(names: Iterable[str]) -> tuple[ModuleSource, ...]:
    """Return the files of modules, which were imported: of each its outermost package.

    Raises:
        ClusterError: If one has no files, or too large ones.
    """
    return tuple(_module_source(name) for name in dict.fromkeys(name.partition(".")[0] for name in names))


def _module_source(name: str) -> ModuleSource:
    module = importlib.import_module(name)
    files = files_of(module)
    if not files:
        raise ClusterError(f"module `{name}` has no Python file that could be sent to the workers")
    size = sum(map(len, files.values()))
    if size > MOST_MODULE_BYTES:
        raise ClusterError(f"module `{name}` has {size:,} bytes of Python; install it on the workers instead")
    return ModuleSource(name, MappingProxyType(files).copy())


def files_of(module: ModuleType) -> dict[str, bytes]:
    """Return the Python files of a module, or of all of a package, by their paths below where it is imported from."""
    if getattr(module, "__path__", None):
        found: dict[str, bytes] = {}
        for folder in map(Path, module.__path__):
            found |= {str(path.relative_to(folder.parent)): path.read_bytes() for path in sorted(folder.rglob("*.py"))}
        return found
    path = Path(getattr(module, "__file__", None) or "")
    return {path.name: path.read_bytes()} if path.suffix == ".py" and path.is_file() else {}


def _digest_of(files: Mapping[str, bytes]) -> str:
    found = hashlib.sha256()
    for path, content in sorted(files.items()):
        found.update(f"{path}\0{len(content)}\0".encode() + content)
    return found.hexdigest()


def spelled_flows(graph: Graph, edges: Iterable[tuple[Node, Node]]) -> tuple[tuple[str, ...], ...]:
    """Return the kinds of row on some edges of a graph, as text that is equal where they are."""
    found = {(edge.source, edge.target): edge.flows for edge in graph.edges}
    return tuple(
        tuple("?" if flow is None else flow.spelling() for flow in found[source, target]) for source, target in edges
    )


# -- on a worker -----------------------------------------------------------------------


def install_modules(modules: Sequence[ModuleSource]) -> None:
    """Let the modules that came with a pipeline be imported here.

    Raises:
        ClusterError: If another module of such a name is here already.
    """
    for module in modules:
        if importlib.util.find_spec(module.name) is None:
            folder = Path(tempfile.mkdtemp(prefix="nanotyped-modules-"))
            for path, content in module.files.items():
                place = folder / path
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content)
            sys.path.append(str(folder))
            importlib.invalidate_caches()
        elif _digest_of(files_of(importlib.import_module(module.name))) != module.digest:
            raise ClusterError(
                f"module `{module.name}` is here already, and is another than the coordinator's;"
                " install the same, or none, and start the workers anew"
            )


def make_nodes(recipe: SegmentRecipe) -> list[Node]:
    """Return copies of the nodes of a segment, not yet linked.

    Raises:
        ClusterError: If one cannot be made here, or would be another one.
    """
    try:
        found: tuple[NodeRecipe, ...] = pickle.loads(recipe.nodes)  # noqa: S301 - from the coordinator, as all tasks
    except (ImportError, AttributeError) as error:
        raise ClusterError(
            f"what the nodes are made of cannot be read here: {error}; install the module on the workers, or send it"
            " with --module"
        ) from error
    return [_make_node(one) for one in found]


def _make_node(recipe: NodeRecipe) -> Node:
    """Return a copy of a node.

    Raises:
        ClusterError: If its class cannot be imported here, or is another one.
    """
    try:
        cls = _find(recipe.module, recipe.class_name)
    except (ImportError, AttributeError) as error:
        raise ClusterError(
            f"node `{recipe.label}`: its class `{recipe.module}.{recipe.class_name}` cannot be imported here: {error};"
            f" install it on the workers, or send it with --module {recipe.module}"
        ) from error
    try:
        node: Node = cls(*recipe.arguments, **recipe.options)
    except Exception as error:
        raise ClusterError(f"node `{recipe.label}` cannot be made here: {type(error).__name__}: {error}") from error
    node.name, node.has_given_name = recipe.name, recipe.has_given_name
    found = digest_of(node)
    if found != recipe.digest:
        raise ClusterError(f"node `{recipe.label}` is another one here: its class, its options or its schemas differ")
    return node
