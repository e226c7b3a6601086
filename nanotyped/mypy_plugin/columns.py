"""Columns of the classes that mypy knows: noted with the class, so that they are in mypy's cache; and made of that."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mypy.errorcodes import ErrorCode
from mypy.nodes import Decorator, RefExpr, TypeInfo
from mypy.types import Instance, Type, TypeVarType, get_proper_type

from nanotyped.errors import TypeSyntaxError
from nanotyped.mypy_plugin.declared import Speller
from nanotyped.mypy_plugin.fit import misfits, reason
from nanotyped.mypy_plugin.made import column_of

if TYPE_CHECKING:
    from mypy.nodes import Context, MypyFile
    from mypy.plugin import ClassDefContext

    from nanotyped.mypy_plugin.declared import Paths
    from nanotyped.row.schema import Column

ROW = "nanotyped.row.rows.RowBase"
NODE = "nanotyped.node.links.Linkable"
NANO_NODE = "nanotyped.node.nano_node.NanoNode"
PASSING = "nanotyped.node.nano_node.PassThrough"
PIPELINE = "nanotyped.node.links.pipeline"
_NOTED = "nanotyped"
_PROTOCOLS = frozenset({"typing.Protocol", "typing_extensions.Protocol"})

LINK = ErrorCode("nanotyped-link", "Rows that do not fit the node they are linked to", "nanotyped")
COLUMN = ErrorCode("nanotyped-column", "Columns that do not fit, are not there, or of no known type", "nanotyped")


def collect_columns(paths: Mapping[str, str], ctx: ClassDefContext) -> None:
    """Note the columns that a Row class or a Protocol itself declares, with the class.

    Args:
        paths: Where modules are that may come out of the cache.
        ctx: The class, by mypy.
    """
    info = ctx.cls.info
    is_row = info.has_base(ROW)
    if not is_row and not _is_protocol(ctx):
        return
    path_of = paths_of(paths, ctx)
    path = path_of(info.module_name)
    if path is None or "typeshed" in path:
        return
    speller = Speller(info.module_name, path_of)
    declared = speller.class_at(info.name, ctx.cls.line)
    if declared is None:
        return
    columns = speller.columns_of_row(declared) if is_row else speller.columns_of_protocol(declared)
    info.metadata[_NOTED] = {"columns": [[column.name, column.annotation, column.field] for column in columns]}
    body = [part.func if isinstance(part, Decorator) else part for part in ctx.cls.defs.body]
    places: dict[int, Context] = {part.line: part for part in body}
    lines = {column.name: column.line for column in columns}
    for column in columns:
        try:
            if column.annotation is not None:
                column_of(column.name, column.annotation)
        except TypeSyntaxError as error:
            place = places.get(column.line, ctx.cls)
            ctx.api.fail(f'Column "{column.name}" of {info.name}: {error}', place, code=COLUMN)
    for name, problem in _broken_promises(info):
        ctx.api.fail(f'Column "{name}" of {info.name}: {problem}', places.get(lines.get(name, 0), ctx.cls), code=COLUMN)


def paths_of(paths: Mapping[str, str], ctx: ClassDefContext) -> Paths:
    """Return what tells where a module is, as ``paths`` says or mypy.

    Args:
        paths: Where modules are that may come out of the cache.
        ctx: What knows the program.
    """
    modules: dict[str, MypyFile] = ctx.api.modules
    return lambda module: paths.get(module, modules[module].path) if module in modules else None


def _broken_promises(info: TypeInfo) -> Iterator[tuple[str, str]]:
    """Yield each column of a class that is not what a base says it is, as far as plain typing does not see it."""
    own = columns_of(info)
    for base in info.bases:
        promised = columns_of(base.type)
        for mismatch in misfits(own, promised):
            mine, theirs = own.get(mismatch.column or ""), promised.get(mismatch.column or "")
            if mine is None or theirs is None or mine.type.python_type is not theirs.type.python_type:
                continue
            if theirs.nullable or not mine.nullable:
                said = f"{mismatch.actual} does not fit {mismatch.expected} of `{base.type.name}`{reason(mismatch)}"
                yield mine.name, said


def _is_protocol(ctx: ClassDefContext) -> bool:
    # Of the class itself it is noted only after the hooks have run.
    bases = [*ctx.cls.base_type_exprs, *ctx.cls.removed_base_type_exprs]
    return any(isinstance(base, RefExpr) and base.fullname in _PROTOCOLS for base in bases)


def columns_of(info: TypeInfo) -> dict[str, Column | None]:
    """Return the columns of a class and its bases, by name, in order; ``None``: of a type that cannot be read."""
    return columns_of_texts(annotations_of(info))


def annotations_of(info: TypeInfo) -> dict[str, str | None]:
    """Return the annotations of the columns of a class and its bases, as text with full names."""
    noted: list[Any] = [base.metadata.get(_NOTED, {}) for base in reversed(info.mro)]
    return {name: annotation for note in noted for name, annotation, _ in note.get("columns", ())}


def columns_of_texts(
    texts: Mapping[str, str | None], read: Callable[[str, str], Column | None] = column_of
) -> dict[str, Column | None]:
    """Return columns by name, whose types are spelled by texts; ``None``: of a type that cannot be read."""
    found: dict[str, Column | None] = {}
    for name, text in texts.items():
        try:
            found[name] = None if text is None else read(name, text)
        except TypeSyntaxError:  # it was reported where it stands
            found[name] = None
    return found


def column_names(info: TypeInfo) -> dict[str, str]:
    """Return the column names of a class and its bases by their fields."""
    noted: list[Any] = [base.metadata.get(_NOTED, {}) for base in reversed(info.mro)]
    return {field: name for note in noted for name, _, field in note.get("columns", ())}


def row_class(kind: Type) -> TypeInfo | None:
    """Return the class of a type, if it declares columns."""
    proper = get_proper_type(kind)
    if isinstance(proper, TypeVarType):
        proper = get_proper_type(proper.upper_bound)
    if not isinstance(proper, Instance) or not any(_NOTED in base.metadata for base in proper.type.mro):
        return None
    return proper.type
