"""Rows to an HTTP API: ``HttpPostRequest``."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Never

import msgspec

from nanotyped.errors import DeliveryError, GraphProblem, GraphStructureError, RowError, shown
from nanotyped.node import FarEnd
from nanotyped.node.running import NO_ROW_VALUES
from nanotyped.nodes.http.client import MAX_ANSWER_BYTES, ExchangeFailed
from nanotyped.nodes.http.idempotency import KEY_SCHEMA, IdempotencyKey, KeyMaker, lines_of, with_member
from nanotyped.nodes.http.node import HttpNode
from nanotyped.nodes.http.openapi import SentRequest, contract_of_options
from nanotyped.nodes.http.sent_rows import sent_row
from nanotyped.nodes.http.url_template import Filler, UrlTemplate
from nanotyped.registry import register_node
from nanotyped.row import RowEncoder
from nanotyped.row.encoding import checked_numbers
from nanotyped.row.rows import row_info

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nanotyped.message import Batch
    from nanotyped.row import Row, Schema

Envelope = Literal["array", "ndjson", "object"]

_CONTENT_TYPES: Mapping[str, str] = {
    "array": "application/json",
    "ndjson": "application/x-ndjson",
    "object": "application/json",
}
logger = logging.getLogger("nanotyped.nodes.http")


class _Request(NamedTuple):
    """What is sent at a time; ``rows`` are the numbers of the first and the last row, ``key`` is ``""`` without one."""

    url: str
    body: bytes
    rows: tuple[int, int]
    key: str


@register_node
class HttpPostRequest(HttpNode[object, Never]):
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
        envelope: The body: ``array``, a JSON array of objects; ``ndjson``, an object a line; ``object``, an object
            that holds the array under ``envelope_key``.
        envelope_key: The key of the array; only, and always, with ``object``.
        idempotency_key: Keys by which the service knows what it was sent before: ``header``, the header of each
            request that holds its key; ``field``, the member of each row's object that holds the row's; ``columns``,
            what a row's key is made of, by default all of it. The node needs a name then.
        openapi: ``FILE#OPERATION``: the document of OpenAPI 3.0 or 3.1 (YAML, or JSON in a ``.json`` file), and the
            ``operationId`` whose request body rows have to fit, by their types. Method and path have to be its too.
        openapi_trust: Columns whose values the service judges, where their types hold more than the body takes.
        numbers: The columns, or ``all``, that are sent as numbers with all their digits, though by their type they are
            strings: 64-bit integers and decimals. Many readers of JSON keep 53 bits of a number.
        batch_rows: Rows of one request at the most (default 500; with a key in a header 1, for after a stop requests
            are cut elsewhere, and the key of one of many rows is another then).
        max_answer_bytes: Bytes of one answer that are read at the most.

    Raises:
        ValueError: If an option is wrong, or a placeholder stands in scheme, host or port.
    """

    batch_rows: int = 500
    _needs_whole_answers = False

    def __init__(
        self,
        *,
        url: str,
        envelope: Envelope = "array",
        envelope_key: str | None = None,
        idempotency_key: IdempotencyKey | None = None,
        openapi: str | None = None,
        openapi_trust: list[str] | None = None,
        numbers: list[str] | Literal["all"] | None = None,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
        **kwargs: Any,
    ) -> None:
        if envelope not in _CONTENT_TYPES:
            raise ValueError(f"envelope must be one of {', '.join(_CONTENT_TYPES)}, not {envelope!r}")
        if (envelope_key is not None) is not (envelope == "object"):
            raise ValueError("envelope_key is the key of the rows with `envelope: object`, and goes with nothing else")
        self.envelope = envelope
        self.envelope_key = envelope_key
        self._url = UrlTemplate(url)
        self._default_headers = {"Content-Type": _CONTENT_TYPES[envelope], "User-Agent": "nanotyped"}
        self._numbers = checked_numbers(numbers)
        self._contract = contract_of_options(openapi, openapi_trust)
        self._encoders: dict[Schema, RowEncoder] = {}
        self._fillers: dict[type[Row], Filler] = {}
        self._keys: KeyMaker | None = None
        self.idempotency_key = idempotency_key
        if idempotency_key is not None and idempotency_key.header is not None:
            self.batch_rows = 1
        super().__init__(max_answer_bytes=max_answer_bytes, **kwargs)
        if idempotency_key is not None and idempotency_key.header is not None:
            self._check_key_header(idempotency_key.header)
        if idempotency_key is not None and not self.has_given_name:
            raise ValueError("idempotency_key needs a name of the node: a generated one is another in each run")

    def _check_key_header(self, name: str) -> None:
        if name.lower() in {"content-type", "user-agent", "accept-encoding", *map(str.lower, self._headers)}:
            raise ValueError(f"idempotency_key: the header `{name}` has another value already")

    # -- before the run ---------------------------------------------------------------

    def check_input(self, given: Schema) -> list[GraphProblem]:
        """Return the placeholders that cannot be filled, columns without JSON form, and links out of this sink."""
        problems: list[GraphProblem] = [*self._url.problems(given, self.label)]
        problems += RowEncoder.problems(given, self.label, self._numbers)
        if self._contract is not None:
            key = self.idempotency_key
            row = sent_row(given, self._numbers, {} if key is None or key.field is None else {key.field: KEY_SCHEMA})
            problems += self._contract.check_rows(given, row, self._sent, self.label)
        if self.idempotency_key is not None:
            problems += self.idempotency_key.problems(given, self.label)
        if not self.is_sink:
            reason = f"node `{self.label}` gives nothing, and nothing can be linked behind it"
            problems.append(GraphStructureError(reason, node=self.label, hint="link both to the node before it"))
        return problems

    def check_contract(self) -> list[GraphProblem]:
        """Return what is wrong with ``openapi``, or with what is sent by it, whatever the rows are."""
        return [] if self._contract is None else self._contract.check_request(self._sent, self.label)

    @property
    def _sent(self) -> SentRequest:
        return SentRequest("POST", self._url, self.envelope, self.envelope_key, self.batch_rows)

    def far_end(self, column: str) -> FarEnd:  # noqa: ARG002 - every column is sent alike
        """Return that the column is sent as JSON."""
        return FarEnd(f"POST {self._url.display}", "json", null="null")

    def notices(self) -> list[str]:
        """Return what ``openapi`` does not prove, and that a key of many rows is another once a run goes on."""
        found = [] if self._contract is None else self._contract.notices()
        if self.idempotency_key is None or self.idempotency_key.header is None or self.batch_rows == 1:
            return found
        return [
            *found,
            f"a request of up to {self.batch_rows} rows has the same `{self.idempotency_key.header}` when it is tried"
            " again, but after a stop requests are cut elsewhere and have others; batch_rows: 1, or"
            " idempotency_key: {field: NAME}, holds then too",
        ]

    # -- the run -----------------------------------------------------------------------

    def setup(self) -> None:
        """Get ready to open sessions."""
        for notice in self.notices():
            logger.warning("%s: %s", self.label, notice, extra=NO_ROW_VALUES)
        if self.idempotency_key is not None:
            self._keys = KeyMaker(self.idempotency_key, self.pipeline_name, self.name)
        super().setup()

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
        for request in requests:
            self._post(request)
        return ()

    def _requests(self, batch: Batch[Row]) -> Iterator[_Request]:
        """Yield each request of a batch; those before a bad row too."""
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

    def _request(self, url: str, rows: Sequence[Row], first: int) -> _Request:
        option, keys = self.idempotency_key, self._keys
        numbers = first, first + len(rows) - 1
        if option is None or keys is None:
            return _Request(url, self._body(rows, first), numbers, "")
        found = keys.of_rows(rows, first)
        body = self._body(rows, first) if option.field is None else self._body_with(option.field, found, rows, first)
        return _Request(url, body, numbers, "" if option.header is None else keys.of_request(found))

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

    def _post(self, request: _Request) -> None:
        option = self.idempotency_key
        header = {} if option is None or option.header is None else {option.header: request.key}
        place, (first, last) = self._url.display, request.rows
        try:
            self._exchange("POST", request.url, request.body, header, rows=last - first + 1)
        except ExchangeFailed as failed:
            numbers = f"row {first}" if first == last else f"rows {first} to {last}"
            raise DeliveryError(
                f"{place} did not take {numbers}, {failed}",
                status=failed.status,
                attempts=failed.attempts,
                rows=request.rows,
            ) from None

    def _encoder_of(self, rows: Sequence[Row]) -> RowEncoder:
        schema = row_info(type(rows[0])).schema
        encoder = self._encoders.get(schema)
        if encoder is None:
            encoder = self._encoders[schema] = RowEncoder(schema, self._numbers)
        return encoder

    def _body(self, rows: Sequence[Row], first: int) -> bytes:
        encoder = self._encoder_of(rows)
        if self.envelope == "ndjson":
            return encoder.lines(rows, first)
        if self.envelope_key is not None:
            return encoder.array_under(self.envelope_key, rows, first)
        return encoder.array(rows, first)

    def _body_with(self, field: str, keys: Sequence[str], rows: Sequence[Row], first: int) -> bytes:
        """Return the body with the key of each row in its object."""
        lines = lines_of(self._encoder_of(rows), rows, first)
        keyed = [with_member(line, field, key) for line, key in zip(lines, keys, strict=True)]
        if self.envelope == "ndjson":
            return b"".join(b"%b\n" % line for line in keyed)
        array = b"[%b]" % b",".join(keyed)
        return array if self.envelope_key is None else b"{%b:%b}" % (msgspec.json.encode(self.envelope_key), array)
