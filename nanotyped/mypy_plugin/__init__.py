"""Plugin of mypy: ``plugins = nanotyped.mypy_plugin`` adds what plain typing cannot check; mypy 1.18 or newer.

At a link: widths, precision, sign, charset and members of the columns, out of ``Annotated``, judged by the code that
judges them before a run, and every misfit named. ``row["name"]``: whether there is such a column, and its type.
``Scored.extend(row, …)``: the columns that are to be added. It only adds checks: code that is right with it is right
without it. Nothing of it is imported at run time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mypy.nodes import TypeInfo
from mypy.plugin import ClassDefContext, Plugin, ReportConfigContext

from nanotyped.mypy_plugin.columns import NODE, PIPELINE, ROW, collect_columns
from nanotyped.mypy_plugin.declared import Speller, read_source
from nanotyped.mypy_plugin.links import check_pipeline, link_signature
from nanotyped.mypy_plugin.merged import extend_signature
from nanotyped.mypy_plugin.schemas import collect_schemas
from nanotyped.mypy_plugin.values import typed_value

if TYPE_CHECKING:
    from mypy.options import Options
    from mypy.plugin import FunctionSigContext, MethodContext, MethodSigContext
    from mypy.types import FunctionLike, Type

_FORWARD = frozenset({"__gt__", "__rshift__", "add_edge"})
_REVERSE = frozenset({"__lt__", "__rrshift__"})


def _digest_of_code() -> str:
    """Return a digest of what judges types: mypy looks at this file alone to tell whether a cache is out of date."""
    package = Path(__file__).parents[1]
    files = sorted(file for part in ("mypy_plugin", "row", "types") for file in (package / part).rglob("*.py"))
    return sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


__version__ = _digest_of_code()


class NanotypedPlugin(Plugin):
    """The hooks; what they do stands in ``columns``, ``links``, ``merged`` and ``values``."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        # Where modules are now: one out of the cache says where it was when it was last read.
        self._paths: dict[str, str] = {}

    def get_customize_class_mro_hook(self, fullname: str) -> Callable[[ClassDefContext], None] | None:
        """Return what notes the columns of a class; Row classes and Protocols have some, which shows only there."""
        is_foreign = fullname.startswith(("builtins.", "typing.", "nanotyped."))
        return None if is_foreign else partial(collect_columns, self._paths)

    def get_base_class_hook(self, fullname: str) -> Callable[[ClassDefContext], None] | None:
        """Return what notes the schemas that a class of nodes declares in its attributes."""
        found = self.lookup_fully_qualified(fullname)
        is_node = found is not None and isinstance(found.node, TypeInfo) and found.node.has_base(NODE)
        return partial(collect_schemas, self._paths) if is_node else None

    def get_method_signature_hook(self, fullname: str) -> Callable[[MethodSigContext], FunctionLike] | None:
        """Return what checks a link that a method makes, and what ``Scored.extend(row)`` takes."""
        if fullname == "builtins.tuple.__gt__":  # of (a, b) > c, which mypy tries first
            return partial(link_signature, reverse=False)
        method = fullname.rpartition(".")[2]
        if method in _FORWARD and self._may_be(fullname, NODE):
            return partial(link_signature, reverse=False)
        if method == "extend" and self._may_be(fullname, ROW):
            return extend_signature
        if method in _REVERSE and self._may_be(fullname, NODE):
            return partial(link_signature, reverse=True)
        return None

    def get_function_signature_hook(self, fullname: str) -> Callable[[FunctionSigContext], FunctionLike] | None:
        """Return what checks the links of ``pipeline()``."""
        return check_pipeline if fullname == PIPELINE else None

    def get_method_hook(self, fullname: str) -> Callable[[MethodContext], Type] | None:
        """Return what finds the type of ``row["name"]``."""
        if fullname.endswith(".__getitem__") and self._may_be(fullname, ROW):
            return partial(typed_value, self.lookup_fully_qualified)
        return None

    def report_config_data(self, ctx: ReportConfigContext) -> Any:
        """Return what else the columns of a module hang on: aliases of ``Annotated`` in modules that it imports.

        To mypy such an alias is its plain type; a change of the width alone would reach nobody who imports it.
        """
        self._paths[ctx.id] = ctx.path
        path = Path(ctx.path)
        if path.suffix not in (".py", ".pyi") or ctx.id.partition(".")[0] in ("nanotyped", "typing", "builtins"):
            return None
        folder = path.parents[ctx.id.count(".") + (path.stem == "__init__")]
        roots = [folder, *map(Path, self.options.mypy_path), Path()]
        return _digests(ctx.id, ctx.path, roots) or None

    def _may_be(self, method: str, base: str) -> bool:
        """Return whether a method may be of a class below ``base``; one inside of a function is not found by name."""
        found = self.lookup_fully_qualified(method.rpartition(".")[0])
        return found is None or not isinstance(found.node, TypeInfo) or found.node.has_base(base)


def _digests(module: str, path: str, roots: list[Path]) -> dict[str, str]:
    """Return a digest of the aliases of each module that a module of Rows takes names from, at any remove."""
    source = Path(path)
    if "site-packages" in source.parts or "typeshed" in source.parts or not source.is_file():
        return {}
    text = source.read_bytes()
    if not any(word in text for word in (b"Row", b"Protocol", b"put_schema")):
        return {}
    known: dict[str, str | None] = {module: path}

    def path_of(name: str) -> str | None:
        if name not in known:
            candidates = [root / part for root in roots for part in _files_of(name)]
            known[name] = next((str(file) for file in candidates if file.is_file()), None)
        return known[name]

    waiting, found = [module], dict[str, str]()
    while waiting:
        speller = Speller(name := waiting.pop(), path_of)
        found[name] = sha256(speller.aliases().encode()).hexdigest()
        waiting += [other for other in speller.imported_modules() - found.keys() if _is_local(path_of(other))]
    del found[module]
    return found


def _files_of(module: str) -> list[str]:
    stem = module.replace(".", "/")
    return [f"{stem}.py", f"{stem}/__init__.py", f"{stem}.pyi"]


def _is_local(path: str | None) -> bool:
    return path is not None and read_source(path) is not None


def plugin(version: str) -> type[Plugin]:  # noqa: ARG001 - mypy gives its version to every plugin
    """Return the plugin, as mypy asks for it."""
    return NanotypedPlugin
