"""All pages of something for each message: ``HttpGetRequestPaginator``, and the same without a node."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import SecretStr  # noqa: TC002 - files are read by the annotations of options

from nanotyped.errors import RowError
from nanotyped.node.functions import Function, resolve_function
from nanotyped.node.running import NO_ROW_VALUES
from nanotyped.nodes.http.auth import Auth, Credentials, check_auth
from nanotyped.nodes.http.client import ExchangeFailed, HttpClient, RetryPolicy, Terms
from nanotyped.nodes.http.get import GET_HEADERS, OF_A_ROW, HttpGetNode
from nanotyped.nodes.http.headers import checked_headers, headers_to_send
from nanotyped.nodes.http.node import check_kind
from nanotyped.nodes.http.paging import (
    Pagination,
    PaginationOption,
)
from nanotyped.nodes.http.records import (
    Page,
    error_of,
    kind_of,
    page_of,
    read_answer,
    read_document,
    record_steps,
    steps_of,
)
from nanotyped.nodes.http.rules import Rules
from nanotyped.nodes.http.url_template import UrlTemplate
from nanotyped.nodes.http.walking import Walk, check_query_names
from nanotyped.registry import register_node
from nanotyped.row.keypaths import MISSING, Step, reach

MAX_ANSWER_BYTES = 64 * 1024 * 1024
logger = logging.getLogger("nanotyped.nodes.http")


class Pages:
    """How an API of pages is walked: page after page, by the offset that each page says comes next.

    Args:
        get: Returns the page at an offset.
        additional_data_key: Where in a page stands whether there are more.
        pagination_key: Where in a page the next offset stands.
        default_offset_value: The offset of the first page.
        additional_data_test: Says of what stands there whether there are more.
        label: Who walks, for the log.
    """

    def __init__(
        self,
        additional_data_key: str | Sequence[Step],
        pagination_key: str | Sequence[Step],
        default_offset_value: str | int,
        additional_data_test: Function | str,
        label: str,
    ) -> None:
        self._more_at = steps_of("additional_data_key", additional_data_key)
        self._next_at = steps_of("pagination_key", pagination_key)
        self._first = str(default_offset_value)
        self._test = resolve_function(additional_data_test, "additional_data_test")
        self.label = label

    def walk(self, get: Callable[[str], Any]) -> Iterator[Any]:
        """Yield every page, the last one included. ``get`` returns the page at an offset.

        It ends behind a page that says nothing of more, or says no, or names no next offset; and at an offset that was
        there before, which is logged.
        """
        offset, seen = self._first, set[str]()
        while True:
            seen.add(offset)
            page = get(offset)
            if page is MISSING:
                return
            yield page
            more, following = reach(page, self._more_at), reach(page, self._next_at)
            if more is MISSING or not self._test(more) or following is MISSING or following is None:
                return
            offset = str(following)
            if offset in seen:
                text = "%s: the service gave an offset for the second time; there the pages end"
                logger.warning(text, self.label, extra=NO_ROW_VALUES)
                return


@register_node
class HttpGetRequestPaginator(HttpGetNode):
    """Asks an HTTP API for all pages of something, for each message: one output a page, the last one included.

    How the API pages is said by ``url`` and ``pagination``, or by the classic options, from ``endpoint_template`` to
    ``additional_data_test``, which know APIs whose pages name the next offset. With ``pagination`` a link or a cursor
    that comes again, and a page equal to the one before where pages are counted, ends the run, as does a link to
    another host, scheme or port. Classic: an offset that comes again ends the pages, and is logged.

    Needs: the columns that stand in ``url``, or in ``endpoint_template``, and not in ``endpoint_dict``. Gives: of each
    page what ``HttpGetRequest`` gives of an answer; with ``records`` of each record. A page that cannot be read is an
    error, never the end; an answer of 204, and one that a rule ignores, is the end.

    Args:
        endpoint_template: Classic: where to, with ``{NAME}`` placeholders; one of them is that of the offset.
        additional_data_key: Classic: member of a page, or list of steps into it, that says whether there are more.
        pagination_key: Classic: member of a page, or list of steps into it, that is the next offset.
        pagination_get_request_key: Classic: name of the placeholder of the offset.
        endpoint_dict: What fills the other placeholders.
        default_offset_value: Classic: the offset of the first page.
        additional_data_test: Classic: what says of the member at ``additional_data_key`` whether there are more.
        json: True: where the next page is stands in the JSON of a page.
        url: Where to, with ``{NAME}`` placeholders, without what ``pagination`` puts into the query.
        pagination: How the API pages, by ``type``: ``header_link``, ``json_link`` (``path``), ``cursor`` (``path``,
            ``parameter``, ``has_more``), ``offset`` (``limit``, ``limit_parameter``, ``parameter``, ``total``),
            ``page_number`` (``parameter``, ``first_page``, ``total_pages``) or ``single_page``; each with
            ``max_pages``. See ``docs/how-to/read-an-api.md``.
        records: Member of a page, or list of steps into it, that is the list of its records; ``[]``: the page itself.

    Raises:
        ValueError: If an option is wrong, or there are some of both ways.
    """

    stateless = True

    def __init__(
        self,
        *,
        endpoint_template: str | None = None,
        additional_data_key: str | list[str | int] | None = None,
        pagination_key: str | list[str | int] | None = None,
        pagination_get_request_key: str | None = None,
        endpoint_dict: dict[str, str | int] | None = None,
        default_offset_value: str | int = "",
        additional_data_test: Function | str = bool,
        json: bool = True,
        url: str | None = None,
        pagination: PaginationOption | None = None,
        records: str | list[str | int] | None = None,
        **kwargs: Any,
    ) -> None:
        check_kind("pagination", pagination, Pagination)
        if not json:
            raise ValueError("json must be true: where the next page is stands in the JSON of a page")
        classic = {
            "endpoint_template": endpoint_template,
            "additional_data_key": additional_data_key,
            "pagination_key": pagination_key,
            "pagination_get_request_key": pagination_get_request_key,
        }
        more = {
            "default_offset_value": default_offset_value != "",
            "additional_data_test": additional_data_test is not bool,
        }
        given = [name for name, value in classic.items() if value is not None]
        _check_ways(given, [name for name in classic if name not in given], url, pagination, more)
        self._pagination = pagination
        self._records_at = None if records is None else record_steps(records)
        self._offset_name = pagination_get_request_key or ""
        if url is not None and pagination is not None:
            self._url = UrlTemplate(url, endpoint_dict)
        elif endpoint_template is not None:
            constants = {**(endpoint_dict or {}), self._offset_name: default_offset_value}
            self._url = UrlTemplate(endpoint_template, constants)
            _check_offset(self._url, self._offset_name)
        super().__init__(**kwargs)
        if pagination is not None:
            names = {"url": self._url.parameters, "pagination": pagination.parameters, "auth": self._query_of_auth}
            check_query_names(names)
        self._pages: Pages | None = None
        if additional_data_key is not None and pagination_key is not None:
            self._pages = Pages(
                additional_data_key, pagination_key, default_offset_value, additional_data_test, self.label
            )

    def process_item(self) -> Iterator[Any]:
        """Yield the pages, or their records."""
        if self._pages is not None:
            for page in self._pages.walk(lambda offset: self._get({self._offset_name: offset})):
                yield from self._results(page)
            return
        assert self._pagination is not None  # the constructor saw to it
        walk = Walk(
            self._pagination,
            self._url_of(self.__message__, None),
            self._records_at,
            self._page,
            self.label,
            of_auth=self._query_of_auth,
        )
        for page in walk.pages():
            if self._records_at is None:
                yield self._result(page.document)
            for record in walk.records if self._records_at is not None else ():
                yield self._result(read_document(record.decode(), page.place))

    def _page(self, url: str, number: int) -> Page | None:
        try:
            answer = self._exchange("GET", url)
        except ExchangeFailed as failed:
            raise error_of(failed, self._url.display) from None
        return page_of(answer, url, f"{self._url.display}, page {number}")

    def _results(self, page: Any) -> Iterator[Any]:
        if self._records_at is None:
            yield self._result(page)
            return
        found = reach(page, self._records_at)
        if not isinstance(found, list):
            raise RowError(f"{self._url.display} has {kind_of(found)} at `records`, and a list is wanted")
        for record in found:
            yield self._result(record)


def _check_ways(
    given: Sequence[str],
    missing: Sequence[str],
    url: str | None,
    pagination: Pagination | None,
    more: Mapping[str, bool],
) -> None:
    """Raise ``ValueError`` unless the pages are told in one way, and whole."""
    if url is None and pagination is None:
        if missing:
            names = ", ".join(missing)
            raise ValueError(f"{names} must be given; or give url and pagination, and none of the classic options")
        return
    if mixed := [*given, *(name for name, is_given in more.items() if is_given)]:
        raise ValueError(f"url and pagination stand in the place of {', '.join(mixed)}: give these or those")
    if url is None or pagination is None:
        raise ValueError(f"{'url' if url is None else 'pagination'} is missing: they are given together")


class PaginatedHttpGetRequest:
    """All pages of something that an HTTP API has, without a node.

    Args:
        endpoint_template: Where to; its one placeholder is that of the offset.
        additional_data_key: Member of a page, or list of steps into it, that says whether there are more.
        pagination_key: Member of a page, or list of steps into it, that is the next offset.
        pagination_get_request_key: Name of the placeholder of the offset.
        default_offset_value: The offset of the first page.
        additional_data_test: What says of the member at ``additional_data_key`` whether there are more.
        headers: Sent with every request.
        auth: Who asks, as of nodes.
        timeout_s: Longest wait, in seconds, for each piece of an answer.
        max_attempts: How often one request is sent at the most.
        deadline_s: Seconds for one page in all, every attempt and pause included.

    Raises:
        ValueError: If an option is wrong.
    """

    def __init__(
        self,
        *,
        endpoint_template: str,
        additional_data_key: str | list[str | int],
        pagination_key: str | list[str | int],
        pagination_get_request_key: str,
        default_offset_value: str | int = "",
        additional_data_test: Function | str = bool,
        headers: dict[str, str | SecretStr] | None = None,
        auth: Auth | None = None,
        timeout_s: float = 30.0,
        max_attempts: int = 5,
        deadline_s: float = 300.0,
    ) -> None:
        self._offset_name = pagination_get_request_key
        self._url = UrlTemplate(endpoint_template, {self._offset_name: default_offset_value})
        _check_offset(self._url, self._offset_name)
        self._policy = RetryPolicy(timeout_s, max_attempts, deadline_s)
        checked = checked_headers(headers or {})
        check_auth(auth, checked, self._url)
        self._credentials = Credentials.of(auth)
        more = {} if auth is None else auth.headers()
        self._headers = headers_to_send(GET_HEADERS, checked | more)
        self._pages = Pages(
            additional_data_key, pagination_key, default_offset_value, additional_data_test, self._url.display
        )

    def responses(self) -> Iterator[Any]:
        """Yield every page as it is asked for, the last one included.

        Raises:
            HttpGetError: If the service does not answer with success.
            RowError: If a page is missing, or cannot be read.
        """
        terms = Terms(self._headers, self._policy, Rules(rejected=OF_A_ROW), needs_whole=True)
        terms = replace(terms, max_answer_bytes=MAX_ANSWER_BYTES, credentials=self._credentials)
        client = HttpClient(terms, _wait)
        try:
            yield from self._pages.walk(lambda offset: self._get(client, offset))
        finally:
            client.close()

    def _get(self, client: HttpClient, offset: str) -> Any:
        try:
            body = client.exchange("GET", self._url.of_constants({self._offset_name: offset}), self._url.display).body
        except ExchangeFailed as failed:
            raise error_of(failed, self._url.display) from None
        return read_answer(body, self._url.display, json=True)


def _wait(seconds: float) -> bool:
    time.sleep(seconds)
    return True


def _check_offset(template: UrlTemplate, name: str) -> None:
    if name not in template.columns:
        raise ValueError(f"there is no placeholder `{{{name}}}` for the offset (pagination_get_request_key) in the url")
