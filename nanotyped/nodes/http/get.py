"""Rows out of an HTTP API, one request for each message: ``HttpGetRequest``."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from nanotyped.errors import GraphProblem, RowError
from nanotyped.nodes.http.client import ExchangeFailed
from nanotyped.nodes.http.node import HttpNode
from nanotyped.nodes.http.records import (
    error_of,
    kind_of,
    read_answer,
    typed_members,
)
from nanotyped.nodes.http.url_template import Filler, UrlTemplate
from nanotyped.registry import register_node
from nanotyped.row import Row, Schema
from nanotyped.row.keypaths import MISSING

# What another row may be answered to with success: the request was understood, and is about this one.
OF_A_ROW = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.CONFLICT,
        HTTPStatus.GONE,
        HTTPStatus.REQUEST_URI_TOO_LONG,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)
GET_HEADERS = {"Accept": "application/json", "User-Agent": "nanotyped"}


class HttpGetNode(HttpNode[object, Any]):
    """What sends a GET request for a message and reads the answer."""

    _default_headers = GET_HEADERS
    _rejected = OF_A_ROW

    def __init__(self, *, json: bool = True, **kwargs: Any) -> None:
        self.json = json
        self._fillers: dict[type[Row], Filler] = {}
        super().__init__(**kwargs)

    def check_input(self, given: Schema) -> list[GraphProblem]:
        """Return the placeholders that cannot be filled."""
        return [*self._url.problems(given, self.label)]

    @abstractmethod
    def process_item(self) -> Iterator[Any]:
        """Yield what the service answers for the message."""

    def _get(self, more: Mapping[str, str] | None = None) -> Any:
        """Return what the service answers for the message in hand, ``MISSING`` where that is to be ignored.

        Raises:
            RowError: If it answers that this message is wrong, or with something that cannot be read.
            HttpGetError: If it does not answer with success, whatever is asked for.
        """
        try:
            answer = self._exchange("GET", self._url_of(self.__message__, more))
        except ExchangeFailed as failed:
            raise error_of(failed, self._url.display) from None
        return MISSING if answer.is_ignored else read_answer(answer.body, self._url.display, json=self.json)

    def _url_of(self, message: object, more: Mapping[str, str] | None) -> str:
        if not isinstance(message, Row):
            return self._url.of_constants(more)
        fill = self._fillers.get(type(message))
        if fill is None:
            fill = self._fillers[type(message)] = self._url.filler(type(message))
        return fill(message, more)

    def _result(self, document: Any) -> Any:
        """Return a document as the declared output has it: typed member by member.

        Raises:
            RowError: If it is none.
        """
        own = self.own_output()
        if own is None or not self.json or self.sending.output_key is not None:
            return document
        if not isinstance(document, dict):
            raise RowError(f"{self._url.display} answered with {kind_of(document)}, and an object is declared")
        return typed_members(document, own, self._url.display)


@register_node
class HttpGetRequest(HttpGetNode):
    """Asks an HTTP API for something, once for each message.

    A request that fails in a way that may pass is sent again, as by ``HttpPostRequest``. An answer of 400, 404, 409,
    410, 414 or 422, and one that cannot be read, is an error of the row (``on_error``); any other that is no 2xx ends
    the run. Redirects are followed within the scheme, host and port of ``url``, five at the most.

    Needs: the columns that stand in ``url`` and not in ``endpoint_dict``. Gives: the JSON that is answered, an object
    as its members, with numbers that are not whole as decimals; what is no object goes under ``output_key``. With an
    ``output_schema`` the members are read by its types.

    Args:
        url: Where to, with ``{NAME}`` placeholders in path and query, filled from the columns of the message and then
            from ``endpoint_dict``; percent-encoded whole.
        endpoint_dict: What fills the other placeholders.
        json: ``False``: give the text as it is, UTF-8.

    Raises:
        ValueError: If an option is wrong, or a placeholder stands in scheme, host or port.
    """

    stateless = True

    def __init__(self, *, url: str, endpoint_dict: dict[str, str | int] | None = None, **kwargs: Any) -> None:
        self._url = UrlTemplate(url, endpoint_dict)
        super().__init__(**kwargs)

    def process_item(self) -> Iterator[Any]:
        """Yield the answer."""
        found = self._get()
        if found is not MISSING:
            yield self._result(found)
