"""What an HTTP API answers, as documents: read with every digit, reached into by steps, typed by a schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from nanotyped.errors import HttpGetError, IncompatibleTypesException, RowError, TypeCastError
from nanotyped.nodes.http.answers import MAX_JSON_DEPTH, is_too_deep
from nanotyped.nodes.json_lines import JsonLinesReader, digits_of, is_text_of_number
from nanotyped.row.keypaths import MISSING, Keypath, Missing, Step
from nanotyped.row.raw_line import RawLine
from nanotyped.types.intermediate import JSON, JSON_NULL
from nanotyped.types.json import json_form
from nanotyped.types.text import parse_text

if TYPE_CHECKING:
    from nanotyped.nodes.file_reading import Piece
    from nanotyped.nodes.http.client import Answer, ExchangeFailed
    from nanotyped.row import Schema

_parse_document = parse_text(JSON, "csv")
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_TOO_DEEP = f"is nested deeper than {MAX_JSON_DEPTH} levels"
_NUMBERS = (int, Decimal)
_NO_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def error_of(failed: ExchangeFailed, place: str) -> Exception:
    """Return what a node raises where a request was not answered with success."""
    reason = f"{place} did not answer with success, {failed}"
    if failed.action in ("reject", "split"):
        return RowError(reason)
    return HttpGetError(reason, status=failed.status, attempts=failed.attempts)


def read_answer(body: bytes, place: str, *, json: bool = True) -> Any:
    """Return the document, or the text, of an answer.

    Raises:
        RowError: If it is none.
    """
    text = _text_of(body, place)
    return read_document(text, place) if json else text


def read_document(text: str, place: str) -> Any:
    """Return the document of JSON text, its numbers exact.

    Raises:
        RowError: If it is no JSON, is nested too deep, or an object has a key twice.
    """
    try:
        document = _parse_document(text)
    except (TypeCastError, RecursionError) as error:
        reason = error.reason if isinstance(error, TypeCastError) else "it is nested too deep"
        detail = "" if reason == "no JSON" else f": {reason}"
        raise RowError(f"{place} answered with what is no JSON{detail}") from None
    if is_too_deep(document):
        raise RowError(f"{place} answered with JSON that {_TOO_DEEP}")
    return document


def _text_of(body: bytes, place: str) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RowError(f"{place} answered with what is no UTF-8: byte {error.start + 1}") from None


def steps_of(option: str, path: str | Sequence[Step]) -> tuple[Step, ...]:
    """Return the steps of a path into an answer.

    Raises:
        ValueError: If it is none; names the option.
    """
    try:
        found = Keypath(path)
    except ValueError as error:
        raise ValueError(f"{option}: {error}") from None
    return (found.column, *found.steps)


def record_steps(records: str | Sequence[Step] | None) -> tuple[Step, ...]:
    """Return the steps to the records of a page; none: the page itself is their list.

    Raises:
        ValueError: If they lead nowhere.
    """
    return steps_of("records", records) if records else ()


def page_of(answer: Answer, url: str, place: str) -> Page | None:
    """Return the page that is answered, ``None`` where the answer holds none.

    Raises:
        RowError: If it is no UTF-8.
    """
    if answer.is_ignored or answer.status == HTTPStatus.NO_CONTENT:
        return None
    return Page(answer.body, answer.headers, url, place)


class Page:
    """A page of an API: its JSON, of which only what is asked for is taken apart, and its headers.

    Args:
        body: The bytes of the answer.
        headers: Its headers, by name in any case.
        url: Where it came from.
        place: How messages name it.

    Raises:
        RowError: If it is no UTF-8.
    """

    def __init__(self, body: bytes, headers: Mapping[str, str], url: str, place: str) -> None:
        self._text = _text_of(body, place)
        self._body = body.lstrip()
        self.headers = headers
        self.url = url
        self.place = place

    @property
    def document(self) -> Any:
        """The whole page.

        Raises:
            RowError: If it is no JSON.
        """
        return read_document(self._text, self.place)

    def at(self, steps: Sequence[Step]) -> Any:
        """Return the value at a place in the page, ``MISSING`` where there is none.

        Raises:
            RowError: If the page is no JSON.
        """
        found = self._raw_at(steps)
        if found is MISSING:
            return found
        value = read_document(bytes(found).decode(), self.place)
        return None if value is JSON_NULL else value

    def records(self, steps: Sequence[Step]) -> list[bytes]:
        """Return the items of the list at a place in the page, each as its JSON stands there.

        Raises:
            RowError: If the page is no JSON, or no list is there.
        """
        found = self._raw_at(steps)
        where = "".join(f"[{step!r}]" for step in steps)
        if found is MISSING:
            raise RowError(f"{self.place} has nothing at `records`, which is {where}")
        if _first_byte(found) != b"[":
            kind = kind_of(read_document(bytes(found).decode(), self.place))
            if where:
                raise RowError(f"{self.place} has {kind} at `records`, which is {where}, and a list is wanted")
            raise RowError(f"{self.place} is {kind}, and a list is wanted; name the member that is one with `records`")
        try:
            return [bytes(item) for item in _items(found)]
        except _NO_JSON:
            raise self._no_json() from None

    def _raw_at(self, steps: Sequence[Step]) -> Any:
        """Return the JSON text at a place, ``MISSING`` where there is none; a position may be given as digits."""
        found: Any = self._body
        try:
            for step in steps:
                start = _first_byte(found)
                if start == b"{":
                    found = _members(found).get(str(step), MISSING)
                elif start == b"[":
                    items = _items(found)
                    place = int(step) if isinstance(step, int) or step.isdecimal() else None
                    found = MISSING if place is None or not -len(items) <= place < len(items) else items[place]
                else:
                    msgspec.json.decode(found)  # a value without members, or no JSON at all
                    found = MISSING
                if found is MISSING:
                    return found
        except _NO_JSON:
            raise self._no_json() from None
        return found

    def _no_json(self) -> RowError:
        return RowError(f"{self.place} answered with what is no JSON")


def _first_byte(json: Any) -> bytes:
    return bytes(memoryview(json)[:1])


class RecordReader(JsonLinesReader):
    """Records of an API as rows of a schema: as JSON lines, but that an exact number may stand for its text."""

    unit = "record"
    takes_numbers = True

    def piece(self, record: bytes, number: int) -> Piece:
        """Return what a record is, by its place in the page and its JSON."""
        piece = self._piece(record.decode(), RawLine.of(record, len(record)), number, None)
        if piece.error is None and any(is_too_deep(getattr(piece.content[1], field)) for field in self._documents):
            piece.error = RowError(f"{self.path}, {self.unit} {number} {_TOO_DEEP}")
        return piece


def typed_members(document: Mapping[str, Any], own: Schema, place: str) -> dict[str, Any]:
    """Return the members of an object by the types of the columns; a number may stand for the text of one.

    Raises:
        RowError: With every member that is missing, not declared, or wrong.
    """
    problems = [f"`{name}` is not declared" for name in document if name not in own]
    found: dict[str, Any] = {}
    for column in own:
        value = document.get(column.name)
        if column.name not in document:
            problems.append(f"`{column.name}` is missing")
        elif value is None and column.nullable:
            found[column.name] = None
        elif value is None and column.type.intermediate_type.family is not JSON:
            problems.append(f"`{column.name}` is null")
        else:
            try:
                exact = digits_of(value) if type(value) in _NUMBERS and is_text_of_number(column) else value
                found[column.name] = json_form(column.type).decode(exact)
            except (ValueError, IncompatibleTypesException) as error:
                problems.append(f"`{column.name}`: {error}")
    if problems:
        raise RowError(f"{place} answered with an object that does not fit: {'; '.join(problems)}")
    return found


def kind_of(document: object) -> str:
    """Return what a document is, in words."""
    names = {
        Missing: "nothing",
        dict: "an object",
        list: "an array",
        str: "a string",
        bool: "a boolean",
        type(None): "null",
        type(JSON_NULL): "null",
    }
    return names.get(type(document), "a number")
