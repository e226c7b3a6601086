"""What a request holds: rows as JSON, each as its columns or by a template, in an envelope, packed where asked for."""

from __future__ import annotations

import gzip
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from nanotyped.errors import IncompatibleTypesException, NodeOptionError, RowError, TypeCastError, shown
from nanotyped.nodes.http.idempotency import KEY_SCHEMA, lines_of, with_member
from nanotyped.nodes.http.sent_rows import JsonSchema, object_of, sent_column, sent_row
from nanotyped.row import Column, RowEncoder, Schema
from nanotyped.row.encoding import Numbers, form_of, number_columns
from nanotyped.row.rows import row_info
from nanotyped.types.intermediate import JSON, JSON_NULL, NULL, OBJECT
from nanotyped.types.text import render_text

if TYPE_CHECKING:
    from nanotyped.row import Row

Envelope = Literal["array", "ndjson", "object", "single", "none"]
CONTENT_TYPES: Mapping[str, str] = {
    "array": "application/json",
    "ndjson": "application/x-ndjson",
    "object": "application/json",
    "single": "application/json",
    "none": "",
}
Part = Callable[["Row"], Any]
_JSON_TYPES: Mapping[type, str] = {bool: "boolean", int: "integer", float: "number", type(None): "null"}
_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_NO_TEXT = (JSON, OBJECT)
_json = msgspec.json.Encoder()


class BodyMaker:
    """Makes the bodies of requests. Safe to use from several threads.

    Args:
        envelope: What stands around the rows.
        envelope_key: The key of the rows with ``object``.
        template: What each row becomes; ``None``: an object of its columns.
        key_field: The member that holds a row's key, if there are keys.
        numbers: The columns that are numbers, as of ``RowEncoder``.
        packs: Whether bodies are packed with gzip.
    """

    def __init__(
        self,
        envelope: Envelope,
        envelope_key: str | None,
        template: BodyTemplate | None,
        key_field: str | None,
        numbers: Numbers,
        *,
        packs: bool,
    ) -> None:
        self._envelope = envelope
        self._envelope_key = envelope_key
        self._template = template
        self._key_field = key_field
        self._numbers = numbers
        self._packs = packs
        self._encoders: dict[Schema, RowEncoder] = {}
        self._templates: dict[type[Row], Part] = {}

    def problems(self, given: Schema, label: str) -> list[NodeOptionError]:
        """Return the columns of a schema that cannot be sent; ``label`` is the node's name."""
        found = RowEncoder.problems(given, label, self._numbers)
        if self._template is None:
            return found
        # Columns that are not sent need no JSON form.
        own = [one for one in found if ", numbers: " in str(one)]
        return own + self._template.problems(given, label)

    def sent_columns(self, given: Schema) -> Schema:
        """Return the columns that are sent as they are, by the names of the members that they become."""
        return given if self._template is None else self._template.sent_columns(given)

    def sent_row(self, given: Schema) -> JsonSchema:
        """Return the JSON Schema of what rows of a schema are sent as."""
        key: dict[str, JsonSchema] = {} if self._key_field is None else {self._key_field: KEY_SCHEMA}
        if self._template is None:
            return sent_row(given, self._numbers, key)
        return self._template.sent_row(given, self._numbers, key)

    def body(self, rows: Sequence[Row], first: int, keys: Sequence[str]) -> bytes | None:
        """Return the body of a request for rows of one class, not packed yet; ``None`` where none is sent.

        Args:
            rows: The rows.
            first: Number of the first of them.
            keys: Their keys, which become members where that is asked for.

        Raises:
            RowError: If one cannot be sent; names it.
        """
        if self._envelope == "none":
            return None
        if self._template is None and self._key_field is None:
            return self._enveloped(rows, first)
        lines = self._lines(rows, first)
        if self._key_field is not None:
            lines = [with_member(line, self._key_field, key) for line, key in zip(lines, keys, strict=True)]
        match self._envelope:
            case "ndjson":
                return b"".join(b"%b\n" % line for line in lines)
            case "single":
                return lines[0]
            case "object":
                return b"{%b:[%b]}" % (_json.encode(self._envelope_key), b",".join(lines))
            case _:
                return b"[%b]" % b",".join(lines)

    def packed(self, body: bytes | None) -> bytes | None:
        """Return a body as it is sent; the same for the same body, at any time."""
        return gzip.compress(body, compresslevel=6, mtime=0) if self._packs and body is not None else body

    def _enveloped(self, rows: Sequence[Row], first: int) -> bytes:
        encoder = self._encoder_of(rows)
        if self._envelope == "ndjson":
            return encoder.lines(rows, first)
        if self._envelope == "single":
            return encoder.object(rows[0], first)
        if self._envelope_key is not None:
            return encoder.array_under(self._envelope_key, rows, first)
        return encoder.array(rows, first)

    def _lines(self, rows: Sequence[Row], first: int) -> list[bytes]:
        if self._template is None:
            return lines_of(self._encoder_of(rows), rows, first)
        row_class = type(rows[0])
        fill = self._templates.get(row_class)
        if fill is None:
            fill = self._templates[row_class] = self._template.compile(row_class, self._numbers)
        found = []
        for number, row in enumerate(rows, first):
            try:
                found.append(_json.encode(fill(row)))
            except (TypeCastError, ValueError, TypeError, OverflowError, UnicodeEncodeError) as error:
                column = error.column if isinstance(error, RowError) else None
                raise RowError(f"row {number}, body: {error}", row=number, column=column) from None
        return found

    def _encoder_of(self, rows: Sequence[Row]) -> RowEncoder:
        schema = row_info(type(rows[0])).schema
        encoder = self._encoders.get(schema)
        if encoder is None:
            encoder = self._encoders[schema] = RowEncoder(schema, self._numbers)
        return encoder


class BodyTemplate:
    """A JSON document in whose texts ``{column}`` stands for a column.

    A text that is a placeholder alone becomes the column's value, in the JSON form of its type; one with more in it
    becomes a text, with the value as in a CSV file. ``{{`` and ``}}`` are braces. All else is sent as it is.

    Args:
        template: The document, an object.

    Attributes:
        columns: The columns that it names, in order, each once.
        members: The names of its members.

    Raises:
        ValueError: With every text that is malformed, and all that JSON cannot spell.
    """

    def __init__(self, template: Mapping[str, Any]) -> None:
        found: dict[str, None] = {}
        problems: list[str] = []
        _look(template, (), found, problems)
        if problems:
            raise ValueError("; ".join(problems))
        self._template = template
        self.columns = tuple(found)
        self.members = frozenset(template)

    def problems(self, given: Schema, label: str) -> list[NodeOptionError]:
        """Return what rows of ``given`` cannot fill; ``label`` is the node's name."""
        problems = []
        for name in self.columns:
            if name not in given:
                reason = f"node `{label}`, body: there is no column `{name}`"
                problems.append(NodeOptionError(reason, node=label, hint=given.missing_column(name)))
                continue
            try:
                form_of(given[name])
            except IncompatibleTypesException as error:
                problems.append(NodeOptionError(f"node `{label}`, body: {error}", node=label))
        for place, names in _texts(self._template, ()):
            for name in names:
                if name in given and given[name].type.intermediate_type.family in _NO_TEXT:
                    spelling = given[name].spelling()
                    reason = f"node `{label}`, body, `{place}`: column `{name}` is `{spelling}`, which has no text"
                    problems.append(NodeOptionError(reason, node=label, hint=f'let it stand alone: "{{{name}}}"'))
        return problems

    def sent_row(self, given: Schema, numbers: Numbers, more: Mapping[str, JsonSchema]) -> JsonSchema:
        """Return the JSON Schema of the documents of rows of ``given``; ``numbers`` and ``more`` as of ``sent_row``."""
        as_numbers = number_columns(given, numbers)

        def of(node: Any) -> JsonSchema:
            match node:
                case str():
                    pieces = _pieces(node)
                    name = _alone(pieces)
                    if name is not None:
                        return sent_column(given[name], number=name in as_numbers) if name in given else {}
                    return {"type": "string"} if len(pieces) > 1 else {"type": "string", "enum": [pieces[0][0]]}
                case Mapping():
                    return object_of({key: of(value) for key, value in node.items()})
                case list() | tuple():
                    return {"type": "array", "items": {"anyOf": [of(value) for value in node]} if node else {}}
                case _:
                    return {"type": _JSON_TYPES[type(node)], "enum": [node]}

        return object_of({**{key: of(value) for key, value in self._template.items()}, **more})

    def sent_columns(self, given: Schema) -> Schema:
        """Return the members that are columns of ``given``, and nothing with them, under the members' names."""
        found = []
        for member, text in self._template.items():
            name = _alone(_pieces(text)) if isinstance(text, str) else None
            if name is not None and name in given:
                column = given[name]
                found.append(Column(member, column.type, nullable=column.nullable))
        return Schema(found)

    def compile(self, row_class: type[Row], numbers: Numbers = ()) -> Part:
        """Return what makes the document of a row of a class; ``numbers`` are the columns that are numbers.

        Raises:
            RowError: If such rows lack a column, or have one that has no JSON form.
        """
        info = row_info(row_class)
        if problems := self.problems(info.schema, ""):
            raise RowError(str(problems[0]).removeprefix("node ``, "))
        as_numbers = number_columns(info.schema, numbers)
        cells = {name: _value(info.schema[name], info.fields[name], name in as_numbers) for name in self.columns}
        return self._part(self._template, info.schema, info.fields, cells)

    def _part(self, node: Any, schema: Schema, fields: Mapping[str, str], cells: Mapping[str, Part]) -> Part:
        match node:
            case str():
                return _text(node, schema, fields, cells)
            case Mapping():
                parts = {key: self._part(value, schema, fields, cells) for key, value in node.items()}
                return lambda row: {key: part(row) for key, part in parts.items()}
            case list() | tuple():
                items = [self._part(value, schema, fields, cells) for value in node]
                return lambda row: [item(row) for item in items]
            case _:
                return lambda _row: node


def _pieces(text: str) -> list[tuple[str, str | None]]:
    """Return the literal texts, each with the column that comes behind it; ``ValueError`` where braces are wrong."""
    found: list[tuple[str, str | None]] = []
    literal, at = "", 0
    for piece in _PIECE.finditer(text):
        literal += text[at : piece.start()]
        at = piece.end()
        if piece[0] in ("{{", "}}"):
            literal += piece[0][0]
        elif piece[1]:
            found.append((literal, piece[1]))
            literal = ""
        else:
            raise ValueError("a brace has no partner, or nothing stands between; write {{ or }} for a brace itself")
    return [*found, (literal + text[at:], None)]


def _alone(pieces: Sequence[tuple[str, str | None]]) -> str | None:
    """Return the column that is all of a text; ``None`` where there is more, or none."""
    if len(pieces) == 2 and pieces[0][0] == "" and pieces[1][0] == "":
        return pieces[0][1]
    return None


def _look(node: Any, path: tuple[str, ...], found: dict[str, None], problems: list[str]) -> None:
    match node:
        case str():
            try:
                found.update(dict.fromkeys(name for _, name in _pieces(node) if name is not None))
            except ValueError as error:
                problems.append(f"body, `{'.'.join(path)}`: {error}")
        case Mapping():
            for key, value in node.items():
                if not isinstance(key, str):
                    problems.append(f"body, `{'.'.join(path)}`: a key is text, not {shown(key)}")
                    continue
                _look(value, (*path, key), found, problems)
        case list() | tuple():
            for place, value in enumerate(node):
                _look(value, (*path, str(place)), found, problems)
        case None | bool() | int():
            pass
        case float() if math.isfinite(node):
            pass
        case _:
            problems.append(f"body, `{'.'.join(path)}`: {shown(node)} has no JSON form")


def _texts(node: Any, path: tuple[str, ...]) -> list[tuple[str, list[str]]]:
    """Return the places of the texts that hold more than a placeholder, and the columns in them."""
    match node:
        case str():
            pieces = _pieces(node)
            names = [name for _, name in pieces if name is not None]
            return [(".".join(path), names)] if names and _alone(pieces) is None else []
        case Mapping():
            return [found for key, value in node.items() for found in _texts(value, (*path, key))]
        case list() | tuple():
            return [found for place, value in enumerate(node) for found in _texts(value, (*path, str(place)))]
        case _:
            return []


def _text(text: str, schema: Schema, fields: Mapping[str, str], values: Mapping[str, Part]) -> Part:
    pieces = _pieces(text)
    name = _alone(pieces)
    if name is not None:
        return values[name]
    if len(pieces) == 1:
        literal = pieces[0][0]
        return lambda _row: literal
    cells = [(before, _rendered(schema[name], fields[name])) for before, name in pieces if name is not None]
    last = pieces[-1][0]
    return lambda row: "".join(part for before, render in cells for part in (before, render(row))) + last


def _value(column: Column, field: str, number: bool) -> Part:
    form = form_of(column, number=number)
    if form is None:  # always null
        return lambda _row: None
    encode = form.encode

    def read(row: Row) -> Any:
        value = getattr(row, field)
        if value is None or value is JSON_NULL:
            return None
        if isinstance(value, float) and not math.isfinite(value):
            raise RowError(f"column `{column.name}`: {value} has no JSON form", column=column.name)
        return encode(value)

    return read


def _rendered(column: Column, field: str) -> Callable[[Row], str]:
    is_null = column.type.intermediate_type.family is NULL
    render: Callable[[Any], str] = str if is_null else render_text(column.type)

    def read(row: Row) -> str:
        value = getattr(row, field)
        if value is None:
            raise RowError(f"column `{column.name}` is null and cannot stand in a text", column=column.name)
        return render(value)

    return read
