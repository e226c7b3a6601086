"""URLs with ``{column}`` placeholders in path and query, filled from rows and from nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from nanotyped.errors import NodeOptionError, RowError, TypeCastError, shown
from nanotyped.nodes.hosts import is_loopback
from nanotyped.row.rows import row_info
from nanotyped.types.intermediate import JSON, NULL, OBJECT
from nanotyped.types.text import render_text

if TYPE_CHECKING:
    from nanotyped.row import Row, Schema
    from nanotyped.types.base import DataType

_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
_BEFORE_PATH = re.compile(r"(?P<scheme>[^:/?#{}]*)://(?P<authority>[^/?#]*)")
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f\\]")
_NO_TEXT = (JSON, OBJECT)

Renderer = Callable[[Any], str]


class Filler(Protocol):
    """What makes the URL of a row."""

    def __call__(self, row: Row, more: Mapping[str, str] | None = None, /) -> str: ...  # noqa: D102 - see filler


class UrlTemplate:
    """An ``http`` or ``https`` URL in which ``{column}`` stands for the value of a column.

    A value is written as in a CSV file and percent-encoded to the last sign, so that it stays within the segment or
    the query value where its placeholder stands. Scheme, host and port are fixed.

    Args:
        text: The URL.
        constants: What fills placeholders that are no columns.

    Attributes:
        columns: The names of the placeholders, in order.
        path: Its path, with the placeholders as they stand.
        display: The URL as messages show it: without its query, which may hold a secret.
        parameters: The names of what stands in its query.
        is_in_the_clear: Whether requests leave this machine without TLS.

    Raises:
        ValueError: If it is no such URL. The message does not quote the URL, which may hold a secret.
    """

    def __init__(self, text: str, constants: Mapping[str, object] | None = None) -> None:
        self._constants = {name: _constant(name, value) for name, value in (constants or {}).items()}
        found = _BEFORE_PATH.match(text)
        if found is None or found["scheme"].lower() not in ("http", "https"):
            if "{" in text.split("://", maxsplit=1)[0]:
                raise ValueError("url: a placeholder may stand in path and query, not in the scheme")
            raise ValueError("url: it must start with http:// or https://")
        _check_authority(found["authority"])
        rest = text[found.end() :]
        if _UNPRINTABLE.search(text):
            raise ValueError("url: it holds a blank, a backslash or a control character; percent-encode it")
        if "#" in rest:
            raise ValueError("url: it has a fragment (#…), which no server gets to see")
        pieces = _PLACEHOLDER.split(rest)
        self.columns: tuple[str, ...] = tuple(pieces[1::2])
        if any("{" in piece or "}" in piece for piece in pieces[::2]):
            raise ValueError(
                "url: a brace has no partner, or nothing stands between; placeholders are spelled {column}"
            )
        self._base = f"{found['scheme']}://{found['authority']}"
        self._literals: tuple[str, ...] = tuple(pieces[::2])
        self.path, _, query = rest.partition("?")
        self.display = self._base + self.path
        self.parameters = frozenset(name for name, _ in parse_qsl(query, keep_blank_values=True))
        host = urlsplit(self._base).hostname or ""
        self.is_in_the_clear = found["scheme"].lower() == "http" and not is_loopback(host)

    def problems(self, given: Schema, label: str) -> list[NodeOptionError]:
        """Return the placeholders that rows of ``given`` cannot fill; ``label`` is the node's name."""
        found: list[NodeOptionError] = []
        for name in dict.fromkeys(self.columns):
            if name not in given and name in self._constants:
                continue
            if name not in given:
                reason = f"node `{label}`, url: there is no column `{name}` for the placeholder"
                found.append(NodeOptionError(reason, node=label, hint=given.missing_column(name)))
            elif given[name].type.intermediate_type.family in _NO_TEXT:
                spelling = given[name].spelling()
                reason = f"node `{label}`, url: column `{name}` is `{spelling}`, which has no place in a URL"
                found.append(NodeOptionError(reason, node=label))
        return found

    def filler(self, row_class: type[Row]) -> Filler:
        """Return what makes the URL of a row of a class; it raises ``RowError`` for a value that cannot be filled in.

        Texts by placeholder that it is given beside the row come before the row's own, and may be empty.

        Raises:
            RowError: If rows of the class lack a column.
        """
        if not self.columns:
            url = self._base + self._literals[0]
            return lambda _row, _more=None: url
        info = row_info(row_class)
        if problems := self.problems(info.schema, ""):
            raise RowError(str(problems[0]).removeprefix("node ``, "))
        own = [name for name in self.columns if name in info.fields]
        cells = [(name, info.fields[name], _renderer(info.schema[name].type)) for name in own]

        def fill(row: Row, more: Mapping[str, str] | None = None) -> str:
            values = {name: quote(text, safe="") for name, text in (more or {}).items()}
            for name, field, render in cells:
                if name not in values:
                    values[name] = _encoded(name, getattr(row, field), render)
            return self._filled(values)

        return fill

    def of_constants(self, more: Mapping[str, str] | None = None) -> str:
        """Return the URL without any row.

        Args:
            more: What fills placeholders beside the constants, and before them; it may be empty text.

        Raises:
            RowError: If a placeholder is not filled.
        """
        return self._filled({name: quote(text, safe="") for name, text in (more or {}).items()})

    def _filled(self, values: Mapping[str, str]) -> str:
        parts = [self._literals[0]]
        for name, literal in zip(self.columns, self._literals[1:], strict=True):
            text = values.get(name, self._constants.get(name))
            if text is None:
                raise RowError(f"nothing fills the placeholder `{{{name}}}` of the url", column=name)
            parts += [text, literal]
        rest = "".join(parts)
        _check_segments(rest.split("?")[0])
        return self._base + rest


def _renderer(kind: type[DataType]) -> Renderer:
    # A null that nobody declared is of no type that has texts; it is refused as a null, row by row.
    return str if kind.intermediate_type.family is NULL else render_text(kind)


def _constant(name: str, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        # What is given in a file is no argument of a call: all that is wrong there is a ValueError.
        raise ValueError(f"`{name}` fills a placeholder with text or a number, not with {shown(value)}")  # noqa: TRY004
    return quote(str(value), safe="")


def _check_authority(authority: str) -> None:
    if "{" in authority or "}" in authority:
        raise ValueError("url: a placeholder may stand in path and query, not in host or port")
    if "@" in authority:
        raise ValueError("url: a user and password do not belong into it; send them in a header")
    try:
        parts = urlsplit(f"//{authority}")
        _ = parts.port
    except ValueError:
        raise ValueError("url: its port is no number from 0 to 65535, or its host is malformed") from None
    if not parts.hostname:
        raise ValueError("url: it names no host")


def _encoded(name: str, value: Any, render: Renderer) -> str:
    if value is None:
        raise RowError(f"column `{name}` is null and cannot fill the placeholder of the url", column=name)
    try:
        text = quote(render(value), safe="")
    except (UnicodeEncodeError, TypeCastError) as error:
        raise RowError(f"column `{name}` cannot fill the placeholder of the url: {error}", column=name) from None
    if not text:
        raise RowError(f"column `{name}` is empty and cannot fill the placeholder of the url", column=name)
    return text


def _check_segments(path: str) -> None:
    for segment in path.split("/"):
        # Clients and servers resolve these, encoded or not, before anything else sees them.
        if unquote(segment) in (".", ".."):
            raise RowError(f"the path of the url would have the segment `{unquote(segment)}`, which leads elsewhere")
