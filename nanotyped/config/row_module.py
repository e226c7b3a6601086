"""Contracts of live tables as a Python module of Row classes, laid out as ruff and black lay out code."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from nanotyped.config.contracts import visible
from nanotyped.row.rows import RowBase
from nanotyped.row.type_texts import mysql_spelling
from nanotyped.types import OBJECT, annotation_type

if TYPE_CHECKING:
    from nanotyped.config.contracts import TableContract
    from nanotyped.row import Column
    from nanotyped.types import DataType

LINE_LENGTH = 88  # of ruff and black where nothing else is said; what is broken has a comma that keeps it broken
_ANNOTATIONS: Mapping[type, str] = {frozenset: "frozenset[str]", tuple: "tuple[float, ...]"}
_MODULES = {
    "date": "datetime",
    "datetime": "datetime",
    "timedelta": "datetime",
    "Decimal": "decimal",
    "IPv4Address": "ipaddress",
    "IPv6Address": "ipaddress",
    "Annotated": "typing",
    "UUID": "uuid",
    "Geometry": "nanotyped",
    "Row": "nanotyped",
    "column": "nanotyped",
    "mysql_type": "nanotyped",
}
# A field of such a name would hide what annotations of the module name.
_TAKEN = frozenset({*_MODULES, "int", "float", "str", "bytes", "bool", "object", "frozenset", "tuple"})
_DOCSTRING = '"""Row classes of live tables, as they were when `nanotyped discover` wrote them."""'


def held_by_python(contract: TableContract) -> TableContract:
    """Return what Row classes can say of a contract."""
    unnamed = (column for column in contract.schema if _annotation(column) is None)
    return contract.without(
        {column.name: f"no Python type is exactly `{column.type.spelling()}`" for column in unnamed}
    )


def render_module(contracts: Sequence[TableContract], head: str = _DOCSTRING) -> str:
    """Return the text of a module with a Row class for each table.

    Args:
        contracts: The tables.
        head: The docstring of the module, in its quotes.
    """
    used: set[str] = set()
    blocks: list[list[str]] = []
    classes: set[str] = set()
    for contract in map(held_by_python, contracts):
        fields: list[str] = []
        names = field_names(contract)
        for column in contract.schema:
            annotation = _annotation(column)
            assert annotation is not None  # the others are left out
            used |= {*annotation, "Row"} & {*_MODULES}
            fields += _field(names[column.name], annotation, column)
            used |= {"column"} if _arguments(names[column.name], column) else set()
        comments = [f"# {comment.rstrip()}" for comment in contract.comments()]
        if not fields:
            blocks.append([f"# {visible(f'`{contract.table}` has no column that a contract holds')}", *comments])
            continue
        name = class_name(contract.table, classes)
        docstring = visible(contract.table.replace("\\", "\\\\")).replace('"', "\\x22")
        opening = [f"class {name}(Row):", f'    """A row of `{docstring}`."""', ""]
        blocks.append([*opening, *(f"    {comment}" for comment in comments), *fields])
    parts = [[head, *_imports(used)], *blocks]
    return "\n\n\n".join("\n".join(part) for part in parts) + "\n"


def _imports(used: set[str]) -> list[str]:
    """Return the imports of the names that are used, sorted, those of this package apart."""
    by_module: dict[str, list[str]] = {}
    for name in sorted(used, key=lambda name: (name[0].islower(), name)):
        by_module.setdefault(_MODULES[name], []).append(name)
    own = by_module.pop("nanotyped", [])
    lines = [f"from {module} import {', '.join(by_module[module])}" for module in sorted(by_module)]
    return [
        *(["", *lines] if lines else []),
        *(["", f"from nanotyped import {', '.join(own)}"] if own else []),
    ]


# -- names -------------------------------------------------------------------------


def class_name(table: str, taken: set[str]) -> str:
    """Return a class name of a table's name that no class of the module has yet, and take it."""
    words = re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", table))
    name = "".join(word[:1].upper() + word[1:] for word in words)
    if not name.isidentifier():
        name = _identifier_part(f"Table{name}", "")
    if keyword.iskeyword(name) or name in _TAKEN:
        name += "Row"
    return _untaken(name, "", taken)


def field_names(contract: TableContract) -> dict[str, str]:
    """Return the field of each column: its own name where Python and Row allow it."""
    names = contract.schema.names
    found = {name: name for name in names if _is_field(name)}
    taken = set(found)
    for name in names:
        if name not in found:
            base = _identifier_part(unicodedata.normalize("NFKC", name), "_").strip("_") or "column"
            if not base.isidentifier():
                base = f"column_{base}"
            if not _is_field(base):
                base += "_"
            found[name] = _untaken(base, "_", taken)
    return found


def _is_field(name: str) -> bool:
    return (
        name.isidentifier()
        and unicodedata.normalize("NFKC", name) == name
        and not keyword.iskeyword(name)
        and not name.startswith("__")
        and name != "_"
        and name not in _TAKEN
        and not hasattr(RowBase, name)
    )


def _identifier_part(text: str, instead: str) -> str:
    """Return the text with something else for what no identifier has in it; some numerals are letters of words only."""
    return "".join(letter if f"_{letter}".isidentifier() else instead for letter in text)


def _untaken(name: str, joint: str, taken: set[str]) -> str:
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name}{joint}{number}"
    taken.add(found)
    return found


# -- fields ------------------------------------------------------------------------


def _annotation(column: Column) -> tuple[str, ...] | None:
    """Return the parts of a column's annotation: ``("int | None",)`` or ``("Annotated", …, "mysql_type", text)``.

    The Python class comes alone too, as ``("int", …)``, for its import.
    """
    kind = column.type
    if kind.intermediate_type.family is OBJECT:
        return None
    python = _ANNOTATIONS.get(kind.python_type, kind.python_type.__name__)
    shown = f"{python} | None" if column.nullable else python
    text = mysql_spelling(kind)
    if text is not None:
        return python, shown, "Annotated", "mysql_type", text
    return (python, shown) if _is_plain(kind) else None


def _is_plain(kind: type[DataType]) -> bool:
    """Return whether the Python class alone stands for exactly this type."""
    try:
        return annotation_type(kind.python_type) == (kind.intermediate_type, False)
    except TypeError:
        return False


def _arguments(name: str, column: Column) -> list[str]:
    named = [f"name={_literal(column.name)}"] if name != column.name else []
    return [*named, "key=True"] if column.key else named


def _field(name: str, annotation: tuple[str, ...], column: Column) -> Iterator[str]:
    """Yield the lines of a field, as few as fit."""
    _, shown, *more = annotation
    text = _literal(more[-1]) if more else ""
    whole = f"Annotated[{shown}, mysql_type({text})]" if more else shown
    arguments = _arguments(name, column)
    value = f" = column({', '.join(arguments)})" if arguments else ""
    broken = [" = column(", *(f"        {argument}," for argument in arguments), "    )"]
    if _fits(f"    {name}: {whole}{value}"):
        yield f"    {name}: {whole}{value}"
        return
    if arguments and (not more or _fits(f"    {name}: {whole} = column(")):
        yield f"    {name}: {whole}{broken[0]}"
        yield from broken[1:]
        return
    yield f"    {name}: Annotated["
    yield f"        {shown},"
    if _fits(f"        mysql_type({text}),"):
        yield f"        mysql_type({text}),"
    else:
        yield from ("        mysql_type(", f"            {text},", "        ),")
    if _fits(f"    ]{value}"):
        yield f"    ]{value}"
        return
    yield f"    ]{broken[0]}"
    yield from broken[1:]


def _fits(line: str) -> bool:
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in line)
    return len(line) + wide <= LINE_LENGTH


def _literal(text: str) -> str:
    """Return text as a Python literal, in the quotes of which it has fewer."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    return f"{quote}{visible(text.replace(chr(92), chr(92) * 2).replace(quote, chr(92) + quote))}{quote}"
