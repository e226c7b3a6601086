"""Rows to an HTTP API: ``HttpPostRequest``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Never

from pydantic import SecretStr

from nanotyped.channel import ChannelCancelled
from nanotyped.errors import GraphProblem, GraphStructureError, PipelineStateError, RowError, shown
from nanotyped.node import FarEnd, NanoNode
from nanotyped.nodes.http_delivery import DeliveryStopped, Poster, RetryPolicy
from nanotyped.nodes.url_template import UrlTemplate
from nanotyped.registry import register_node
from nanotyped.row import RowEncoder
from nanotyped.row.rows import row_info

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nanotyped.message import Batch
    from nanotyped.row import Row, Schema

Envelope = Literal["array", "ndjson", "object"]

_CONTENT_TYPES: Mapping[str, str] = {
    "array": "application/json",
    "ndjson": "application/x-ndjson",
    "object": "application/json",
}
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# What says where a request ends, and to whom it goes, is the client's business alone.
_OWN_HEADERS = frozenset({"connection", "content-length", "host", "transfer-encoding"})


@register_node
class HttpPostRequest(NanoNode[object, Never]):
    """Posts rows to an HTTP API as JSON, in batches, by the types of their columns. A sink.

    A request carries at most ``batch_rows`` rows, and fewer when no more are there: rows are never held back. A request
    that fails in a way that may pass (no connection, a timeout, 408, 425, 429, 5xx) is sent again, with growing pauses
    or after the time that the service asks for; whatever else is no 2xx ends the run. A row may thus arrive twice and
    is never lost in silence: delivery is at least once. Redirects are not followed, certificates are checked, and
    proxies and credentials out of the environment are not used.

    Needs: any typed row, and the columns that stand in ``url``. Gives: nothing.

    Args:
        url: Where to, with ``{column}`` placeholders in path and query: a row is sent to the URL that its values make,
            and consecutive rows of the same URL share a request. Values are percent-encoded whole.
        headers: Sent with every request; their values are never shown.
        envelope: The body: ``array``, a JSON array of objects; ``ndjson``, an object a line; ``object``, an object
            that holds the array under ``envelope_key``.
        envelope_key: The key of the array; only, and always, with ``object``.
        timeout_s: Longest wait, in seconds, for a connection and for each piece of an answer.
        max_attempts: How often one request is sent at the most.
        deadline_s: Seconds for one request in all, every attempt and pause included.
        max_retry_after_s: Longest pause, in seconds, that the service may ask for; where it asks for more the run ends.
        batch_rows: Rows of one request at the most (default 500).

    Raises:
        ValueError: If an option is wrong, or a placeholder stands in scheme, host or port.
    """

    batch_rows: int = 500

    def __init__(
        self,
        *,
        url: str,
        headers: dict[str, str | SecretStr] | None = None,
        envelope: Envelope = "array",
        envelope_key: str | None = None,
        timeout_s: float = 30.0,
        max_attempts: int = 5,
        deadline_s: float = 300.0,
        max_retry_after_s: float = 60.0,
        **kwargs: Any,
    ) -> None:
        if envelope not in _CONTENT_TYPES:
            raise ValueError(f"envelope must be one of {', '.join(_CONTENT_TYPES)}, not {envelope!r}")
        if (envelope_key is not None) is not (envelope == "object"):
            raise ValueError("envelope_key is the key of the rows with `envelope: object`, and goes with nothing else")
        self.envelope = envelope
        self.envelope_key = envelope_key
        self._policy = RetryPolicy(timeout_s, max_attempts, deadline_s, max_retry_after_s)
        self._headers = _checked_headers(headers or {})
        self._url = UrlTemplate(url)
        self._encoders: dict[Schema, RowEncoder] = {}
        self._fillers: dict[type[Row], Callable[[Row], str]] = {}
        self._poster: Poster | None = None
        super().__init__(**kwargs)

    # -- before the run ---------------------------------------------------------------

    def check_input(self, given: Schema) -> list[GraphProblem]:
        """Return the placeholders that cannot be filled, columns without JSON form, and links out of this sink."""
        problems: list[GraphProblem] = [*self._url.problems(given, self.label)]
        problems += RowEncoder.problems(given, self.label)
        if not self.is_sink:
            reason = f"node `{self.label}` gives nothing, and nothing can be linked behind it"
            problems.append(GraphStructureError(reason, node=self.label, hint="link both to the node before it"))
        return problems

    def far_end(self, column: str) -> FarEnd:  # noqa: ARG002 - every column is sent alike
        """Return that the column is sent as JSON."""
        return FarEnd(f"POST {self._url.display}", "json", null="null")

    # -- the run -----------------------------------------------------------------------

    def setup(self) -> None:
        """Open the session."""
        headers = {"Content-Type": _CONTENT_TYPES[self.envelope], "User-Agent": "nanotyped"}
        given = {name: value.get_secret_value() for name, value in self._headers.items()}
        defaults = {name: value for name, value in headers.items() if name.lower() not in map(str.lower, given)}
        self._poster = Poster({**defaults, **given}, self._policy, self._pause)

    def _opened(self) -> Poster:
        if self._poster is None:
            raise PipelineStateError("nothing can be sent before setup() and after cleanup()")
        return self._poster

    def cleanup(self) -> None:
        """Close the session."""
        if self._poster is not None:
            self._poster.close()
            self._poster = None

    def process_batch(self, batch: Batch[Row]) -> Sequence[Row]:
        """Send the rows: one request for each run of rows with one URL.

        Raises:
            RowError: If a row cannot be sent; the rows before it have been.
            DeliveryError: If the service does not take them.
        """
        requests = self._requests(batch)
        if self.error_policy.rejects:
            # Of a batch with a row to reject nothing is sent yet: it is given again, without that row.
            requests = iter(list(requests))
        for url, body, numbers in requests:
            self._post(url, body, numbers)
        return ()

    def _requests(self, batch: Batch[Row]) -> Iterator[tuple[str, bytes, tuple[int, int]]]:
        """Yield URL, body, and numbers of the first and last row of each request; those before a bad row too."""
        first = self.first_row_number
        if batch.row_class is not None and not self._url.columns:
            yield self._request(self._url_of(batch.rows[0], first), batch.rows, first)
            return
        start, now = 0, ("", type(batch.rows[0]))
        for index, row in enumerate(batch.rows):
            try:
                here = (self._url_of(row, first + index), type(row))
            except RowError:
                if index > start:
                    yield self._request(now[0], batch.rows[start:index], first + start)
                raise
            if here != now:
                if index > start:
                    yield self._request(now[0], batch.rows[start:index], first + start)
                start, now = index, here
        yield self._request(now[0], batch.rows[start:], first + start)

    def _request(self, url: str, rows: Sequence[Row], first: int) -> tuple[str, bytes, tuple[int, int]]:
        return url, self._body(rows, first), (first, first + len(rows) - 1)

    def _url_of(self, row: Row, number: int) -> str:
        try:
            fill = self._fillers.get(type(row))
            if fill is None:
                fill = self._fillers[type(row)] = self._url.filler(type(row))
            return fill(row)
        except RowError as error:
            problem = RowError(f"row {number}: {error}", row=number, column=error.column)
            problem.row_text = shown(row)
            raise problem from None

    def _post(self, url: str, body: bytes, numbers: tuple[int, int]) -> None:
        try:
            self._opened().post(url, body, self._url.display, numbers)
        except DeliveryStopped:
            # The rows were not taken: to leave in silence is how a node that was stopped does not vouch for them.
            raise ChannelCancelled from None

    def _body(self, rows: Sequence[Row], first: int) -> bytes:
        schema = row_info(type(rows[0])).schema
        encoder = self._encoders.get(schema)
        if encoder is None:
            encoder = self._encoders[schema] = RowEncoder(schema)
        if self.envelope == "ndjson":
            return encoder.lines(rows, first)
        if self.envelope_key is not None:
            return encoder.array_under(self.envelope_key, rows, first)
        return encoder.array(rows, first)

    def _pause(self, seconds: float) -> bool:
        self.sleep(seconds)
        return not self.stop_requested


def _plain(text: str | SecretStr) -> str:
    return text.get_secret_value() if isinstance(text, SecretStr) else text


def _checked_headers(headers: Mapping[str, str | SecretStr]) -> dict[str, SecretStr]:
    """Return the headers with their values hidden.

    Raises:
        ValueError: If one cannot be sent. No message holds a value.
    """
    found: dict[str, SecretStr] = {}
    for name, value in headers.items():
        text = _plain(value)
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError(f"headers: {shown(name)} is no name of a header")
        if name.lower() in _OWN_HEADERS:
            raise ValueError(f"headers: `{name}` is made by the client and cannot be given")
        if any(sign in text for sign in "\r\n\0") or text != text.strip():
            raise ValueError(f"headers: the value of `{name}` holds a line end or a NUL, or a blank at an end")
        if not text.isascii():
            raise ValueError(f"headers: the value of `{name}` holds letters beyond ASCII")
        found[name] = SecretStr(text)
    return found
