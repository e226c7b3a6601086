"""Rows to an HTTP API: ``HttpPostRequest``, and by its ``method`` PUT, PATCH and DELETE."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

from nanotyped.errors import (
    GraphProblem,
    GraphStructureError,
    NodeOptionError,
)
from nanotyped.node import FarEnd
from nanotyped.node.parts import kept_in_order
from nanotyped.nodes.http.bodies import CONTENT_TYPES, BodyMaker, BodyTemplate, Envelope
from nanotyped.nodes.http.client import MAX_ANSWER_BYTES
from nanotyped.nodes.http.idempotency import IdempotencyKey, KeyMaker
from nanotyped.nodes.http.items import ItemResults
from nanotyped.nodes.http.node import check_kind
from nanotyped.nodes.http.openapi import SentRequest, contract_of_options
from nanotyped.nodes.http.responses import ResponseReader
from nanotyped.nodes.http.sending import RowSender
from nanotyped.nodes.http.url_template import UrlTemplate
from nanotyped.registry import register_node
from nanotyped.row import parse_schema
from nanotyped.row.encoding import checked_numbers
from nanotyped.row.schema import SchemaDeclaration  # noqa: TC001 - as above
from nanotyped.types.intermediate import JSON, OBJECT

if TYPE_CHECKING:
    from nanotyped.row import Schema

Method = Literal["POST", "PUT", "PATCH", "DELETE"]
_ENVELOPES: dict[str, Envelope] = {"POST": "array", "PUT": "single", "PATCH": "single", "DELETE": "none"}
# About what was sent (RFC 9110 15.5.1, 15.5.10, 15.5.21); and where the URL is a row's own, about that row.
_OF_ROWS = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY})
_OF_URLS = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE, HTTPStatus.REQUEST_URI_TOO_LONG})
_OWN_HEADERS = ("content-type", "content-encoding", "user-agent", "accept-encoding")
logger = logging.getLogger("nanotyped.nodes.http")


@register_node
class HttpPostRequest(RowSender):
    """Sends rows to an HTTP API as JSON, in batches, by the types of their columns.

    A request carries at most ``batch_rows`` rows, and fewer when no more are there. One that fails in a way that may
    pass (no connection, a timeout, 408, 425, 429, 5xx) is sent again, with growing pauses or after the time that the
    service asks for. A request that is too large (413) is halved, and so is one that the service refuses (400, 409,
    422), down to the row that is wrong, which is an error of the row (``on_error``); whatever else is no 2xx ends the
    run. A row may thus arrive twice and is never lost in silence: delivery is at least once. Redirects are not
    followed, certificates are checked, and proxies and credentials out of the environment are not used.

    Needs: any typed row, and the columns that stand in ``url`` and ``body``. Gives: nothing; with a
    ``response_schema``, what the service answers.

    Args:
        url: Where to, with ``{column}`` placeholders in path and query: a row is sent to the URL that its values make,
            and consecutive rows of the same URL share a request. Values are percent-encoded whole.
        method: ``POST``, ``PUT``, ``PATCH`` or ``DELETE``. Where a placeholder stands in ``url``, 404, 410 and 414 are
            errors of the row too.
        envelope: The body: ``array``, a JSON array of objects; ``ndjson``, an object a line; ``object``, an object
            that holds the array under ``envelope_key``; ``single``, one object, for one row; ``none``, no body, for one
            row. Default ``array``; of PUT and PATCH ``single``, of DELETE ``none``.
        envelope_key: The key of the array; only, and always, with ``object``.
        body: What each row becomes in place of an object of its columns: an object in whose texts ``{column}`` stands
            for a column: alone it is the value itself (``"{id}"``), within a text its text (``"shop-{id}"``); ``{{``
            is a brace.
        compress: ``gzip`` packs bodies.
        batch_rows: Rows of one request at the most (default 500; of ``single`` and ``none`` 1, and with a key in a
            header 1, for after a stop requests are cut elsewhere, and the key of one of many rows is another then).
        max_body_bytes: Bytes of a body at the most, before it is packed; a longer one is sent in parts.
        batch_wait_s: How many seconds fewer rows than ``batch_rows`` wait for more; 0: not at all.
        order_by: Columns: with several ``workers``, rows of equal values in them are sent one after the other.
        items: What an answer says of each row: ``path`` to a list, and of its items ``status``, ``error``, ``index`` or
            ``key`` and ``column``; ``only_errors``, ``success``, ``retry``. Rows that failed are sent again, or are
            errors of the row; the others were delivered. In Python an ``ItemResults``.
        response_schema: Columns to type, of the answer: of its items where there are ``items``, else of the whole.
            Each row goes on with them. Where one answer is for many rows, ``retain_input: false`` is needed, and one
            row goes on for each request. Members beside them are left out.
        idempotency_key: Keys by which the service knows what it was sent before: ``header``, the header of each
            request that holds its key; ``field``, the member of each row's object that holds the row's; ``columns``,
            what a row's key is made of, by default all of it. The node needs a name then. In Python an
            ``IdempotencyKey``.
        openapi: ``FILE#OPERATION``: the document of OpenAPI 3.0 or 3.1 (YAML, or JSON in a ``.json`` file), and the
            ``operationId`` whose request body rows have to fit, by their types. Method and path have to be its too.
        openapi_trust: Columns whose values the service judges, where their types hold more than the body takes.
        numbers: The columns, or ``all``, that are sent as numbers with all their digits, though by their type they are
            strings: 64-bit integers and decimals. Many readers of JSON keep 53 bits of a number.
        max_answer_bytes: Bytes of one answer that are read at the most.

    Raises:
        ValueError: If an option is wrong, or a placeholder stands in scheme, host or port.
    """

    stateless = True
    batch_rows: int = 500
    _split = frozenset({HTTPStatus.REQUEST_ENTITY_TOO_LARGE})

    def __init__(
        self,
        *,
        url: str,
        method: Method = "POST",
        envelope: Envelope | None = None,
        envelope_key: str | None = None,
        body: dict[str, Any] | None = None,
        compress: Literal["gzip"] | None = None,
        max_body_bytes: int | None = None,
        batch_wait_s: float = 0.0,
        order_by: list[str] | None = None,
        items: ItemResults | None = None,
        response_schema: SchemaDeclaration | None = None,
        idempotency_key: IdempotencyKey | None = None,
        openapi: str | None = None,
        openapi_trust: list[str] | None = None,
        numbers: list[str] | Literal["all"] | None = None,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
        **kwargs: Any,
    ) -> None:
        self.method = method
        self.envelope = _checked_envelope(method, envelope, envelope_key)
        check_kind("items", items, ItemResults)
        check_kind("idempotency_key", idempotency_key, IdempotencyKey)
        if max_body_bytes is not None and max_body_bytes < 1:
            raise ValueError(f"max_body_bytes must be at least 1, not {max_body_bytes}")
        if not 0 <= batch_wait_s < float("inf"):
            raise ValueError(f"batch_wait_s is a number of seconds from 0, not {batch_wait_s}")
        self._envelope_key = envelope_key
        self._url = UrlTemplate(url)
        self._rejected = _OF_ROWS | _OF_URLS if self._url.columns else _OF_ROWS
        self._max_body_bytes = max_body_bytes
        self.batch_wait_s = batch_wait_s
        self.in_order_of = tuple(order_by or ())
        self.items = items
        self.idempotency_key = idempotency_key
        self._needs_whole_answers = items is not None or response_schema is not None
        self._template = None if body is None else BodyTemplate(body)
        key_field = None if idempotency_key is None else idempotency_key.field
        self._bodies = BodyMaker(
            self.envelope, envelope_key, self._template, key_field, checked_numbers(numbers), packs=compress is not None
        )
        self._default_headers = _default_headers(self.envelope, compress)
        self._contract = contract_of_options(openapi, openapi_trust)
        if self._is_single or (idempotency_key is not None and idempotency_key.header is not None):
            self.batch_rows = 1
        super().__init__(max_answer_bytes=max_answer_bytes, **kwargs)
        self._response = None
        if response_schema is not None:
            columns = parse_schema(response_schema)
            self.gathers_rows = not self.retain_input and self.items is None
            self._response = ResponseReader(columns, self._url.display, keeps_row=self.retain_input)
        self._check_options()

    @property
    def _is_single(self) -> bool:
        return self.envelope in ("single", "none")

    def _check_options(self) -> None:
        key = self.idempotency_key
        if self._is_single and self.batch_rows > 1:
            raise ValueError(f"`envelope: {self.envelope}` is for one row: leave batch_rows out")
        if self._is_single and self.items is not None:
            raise ValueError(f"items is about requests of many rows, and `envelope: {self.envelope}` is for one")
        if self.envelope == "none" and (self._template is not None or (key is not None and key.field is not None)):
            raise ValueError("with `envelope: none` there is no body to put anything into")
        taken = {*_OWN_HEADERS, *map(str.lower, self._headers)}
        if key is not None and key.header is not None and key.header.lower() in taken:
            raise ValueError(f"idempotency_key: the header `{key.header}` has another value already")
        if key is not None and not self.has_given_name:
            raise ValueError("idempotency_key needs a name of the node: a generated one is another in each run")
        if key is not None and self._template is not None and key.field in self._template.members:
            raise ValueError(f"idempotency_key: field `{key.field}` stands in body already")
        if self.promises_output:
            raise ValueError("what the service answers is declared by response_schema, not by output_schema")
        if self._response is not None and self.retain_input and self.items is None and self.batch_rows > 1:
            raise ValueError(
                "the answer to a request of many rows belongs to none of them: give items, batch_rows: 1 or"
                " retain_input: false beside response_schema"
            )

    # -- before the run ---------------------------------------------------------------

    def check_input(self, given: Schema) -> list[GraphProblem]:
        """Return the placeholders that cannot be filled, columns without JSON form, and links out of a sink."""
        problems: list[GraphProblem] = [*self._url.problems(given, self.label)]
        if self.envelope != "none":
            problems += self._bodies.problems(given, self.label)
        if self._contract is not None:
            problems += self._contract.check_rows(
                self._bodies.sent_columns(given), self._bodies.sent_row(given), self._sent, self.label
            )
        if self.idempotency_key is not None:
            problems += self.idempotency_key.problems(given, self.label)
        if self.items is not None:
            problems += self.items.problems(given, self.label)
        problems += self._order_problems(given)
        if not self.is_sink and self._response is None:
            reason = f"node `{self.label}` gives nothing, and nothing can be linked behind it"
            hint = "link both to the node before it, or give response_schema"
            problems.append(GraphStructureError(reason, node=self.label, hint=hint))
        return problems

    def _order_problems(self, given: Schema) -> list[NodeOptionError]:
        found = []
        for name in self.in_order_of:
            place = f"node `{self.label}`, order_by"
            if name not in given:
                hint = given.missing_column(name)
                found.append(NodeOptionError(f"{place}: there is no column `{name}`", node=self.label, hint=hint))
            elif given[name].type.intermediate_type.family in (JSON, OBJECT):
                reason = f"{place}: column `{name}` is `{given[name].spelling()}`, which has no order"
                found.append(NodeOptionError(reason, node=self.label))
        return found

    def output_schema_for(self, given: Schema | None) -> Schema | None:
        """Return the columns of the answer, beside those that come unless they are not kept."""
        return None if self._response is None else self._response.output_schema_for(given)

    def check_contract(self) -> list[GraphProblem]:
        """Return what is wrong with ``openapi``, or with what is sent by it, whatever the rows are."""
        return [] if self._contract is None else self._contract.check_request(self._sent, self.label)

    @property
    def _sent(self) -> SentRequest:
        return SentRequest(self.method, self._url, self.envelope, self._envelope_key, self.batch_rows)

    def far_end(self, column: str) -> FarEnd:  # noqa: ARG002 - every column is sent alike
        """Return that the column is sent as JSON."""
        return FarEnd(f"{self.method} {self._url.display}", "json", null="null")

    def spread_problem(self) -> str:
        """Return that ``order_by`` keeps an order, where it does."""
        kept = kept_in_order("by `order_by` the rows of equal values", self.in_order_of) if self.in_order_of else ""
        return super().spread_problem() or kept

    def notices(self) -> list[str]:
        """Return what ``openapi`` does not prove, and that a key of many rows is another once a run goes on."""
        found = [] if self._contract is None else self._contract.notices()
        if self.idempotency_key is None or self.idempotency_key.header is None or self.batch_rows == 1:
            return [*super().notices(), *found]
        return [
            *super().notices(),
            *found,
            f"a request of up to {self.batch_rows} rows has the same `{self.idempotency_key.header}` when it is tried"
            " again, but after a stop requests are cut elsewhere and have others; batch_rows: 1, or"
            " idempotency_key: {field: NAME}, holds then too",
        ]

    # -- the run -----------------------------------------------------------------------

    def setup(self) -> None:
        """Get ready to open sessions."""
        if self.idempotency_key is not None:
            self._keys = KeyMaker(self.idempotency_key, self.pipeline_name, self.name)
        super().setup()


def _checked_envelope(method: str, envelope: Envelope | None, key: str | None) -> Envelope:
    if method not in _ENVELOPES:
        raise ValueError(f"method must be one of {', '.join(_ENVELOPES)}, not {method!r}")
    chosen = _ENVELOPES[method] if envelope is None else envelope
    if chosen not in CONTENT_TYPES:
        raise ValueError(f"envelope must be one of {', '.join(CONTENT_TYPES)}, not {envelope!r}")
    if (key is not None) is not (chosen == "object"):
        raise ValueError("envelope_key is the key of the rows with `envelope: object`, and goes with nothing else")
    return chosen


def _default_headers(envelope: Envelope, compress: str | None) -> dict[str, str]:
    found = {"User-Agent": "nanotyped"}
    if envelope != "none":
        found["Content-Type"] = CONTENT_TYPES[envelope]
    return found if compress is None else {**found, "Content-Encoding": compress}
