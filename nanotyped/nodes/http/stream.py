"""An HTTP API as a source: ``StreamHttp``, its pages read to their end, its records typed, its cursor kept."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any, Never

from nanotyped.channel import ChannelCancelled
from nanotyped.errors import (
    GraphProblem,
    HttpGetError,
    IncompatibleTypesException,
    NodeOptionError,
    RowError,
    TypeCastError,
    nearest_hint,
)
from nanotyped.message import Checkpoint
from nanotyped.node import FarEnd, SizeHint
from nanotyped.node.running import NO_ROW_VALUES
from nanotyped.nodes.file_sorting import RowSorter
from nanotyped.nodes.http.client import ExchangeFailed
from nanotyped.nodes.http.node import HttpNode, check_kind
from nanotyped.nodes.http.paging import Pagination, PaginationOption
from nanotyped.nodes.http.records import Page, RecordReader, page_of, read_document, record_steps
from nanotyped.nodes.http.url_template import UrlTemplate
from nanotyped.nodes.http.walking import Walk, check_query_names, with_query
from nanotyped.nodes.schema_contract import SchemaContractOption, contract_of_records
from nanotyped.nodes.sql.following import Following, LagOption, lowered
from nanotyped.registry import register_node
from nanotyped.row import Column, Row, RowEncoder, Schema
from nanotyped.row.raw_line import RawLine
from nanotyped.row.rows import infer_value, row_info, row_of_values
from nanotyped.row.schema import BARE_VALUE
from nanotyped.types.text import parse_text, render_text

logger = logging.getLogger("nanotyped.nodes.http")


@register_node
class StreamHttp(HttpNode[Never, Any]):
    """Reads all that an HTTP API has of something, page by page, as rows. A source.

    Each record is a row: with an ``output_schema`` one of typed columns, its members read by their types as
    ``ReadRows`` reads JSON lines, but that integers and decimals may be numbers of any length; without one, what the
    JSON holds. What breaks the contract is an error that names page, record and member; with ``on_error`` it is left
    out instead, and a dead letter holds the record's JSON as it came.

    With a state a run that was stopped goes on at the page behind those that were delivered. With ``cursor_column``
    each run asks for what came since the last one, and the highest cursor counts once all pages were read, for they
    may be in any order.

    An answer that is no 2xx ends the run once it was tried again as often as may be; one that a rule ignores, and 204,
    ends the pages. A link or a cursor that comes again, a page equal to the one before, and a link to another host,
    scheme or port end the run.

    Needs: nothing. Gives: rows of ``output_schema``; without one a column for each member of a record.

    Args:
        url: Of the first page, without what other options put into the query.
        pagination: How the API pages, by ``type``: ``header_link``, ``json_link`` (``path``), ``cursor`` (``path``,
            ``parameter``, ``has_more``), ``offset`` (``limit``, ``limit_parameter``, ``parameter``, ``total``),
            ``page_number`` (``parameter``, ``first_page``, ``total_pages``) or ``single_page``; each with
            ``max_pages``. See ``docs/how-to/read-an-api.md``. In Python a ``HeaderLinkPages``, ``JsonLinkPages``,
            ``CursorPages``, ``OffsetPages``, ``NumberedPages`` or ``SinglePage``.
        parameters: What else is in the query of the first page. No place for a secret.
        records: Member of a page, or list of steps into it, that is the list of its records; by default the page.
        schema_contract: What becomes of members, types and nulls beyond the contract; by default they are errors. See
            ``docs/reference/schema-contract.md``.
        cursor_column: The column that tells what came later, one of integers, decimals, dates or times: a run with a
            state asks for what came since the highest one of the last run.
        cursor_parameter: The query parameter that gets it, in the JSON form of its type.
        initial_cursor: What the first run puts there; by default nothing.
        lag: How far before the highest cursor a run asks: a number, or for dates and times a span such as ``10 min``.
        output_schema: What a record holds.

    Raises:
        ValueError: If an option is wrong, or two of them fill in the same parameter.
    """

    rejects_rows = True
    options_that_may_change = ("lag",)
    _default_headers = {"Accept": "application/json", "User-Agent": "nanotyped"}  # noqa: RUF012 - never changed

    def __init__(
        self,
        *,
        url: str,
        pagination: PaginationOption,
        parameters: dict[str, str | int] | None = None,
        records: str | list[str | int] | None = None,
        schema_contract: SchemaContractOption = None,
        cursor_column: str | None = None,
        cursor_parameter: str | None = None,
        initial_cursor: str | int | None = None,
        lag: LagOption = 0,
        **kwargs: Any,
    ) -> None:
        check_kind("pagination", pagination, Pagination)
        self._url = UrlTemplate(url)
        if self._url.columns:
            raise ValueError(f"url: a source has no column to fill `{{{self._url.columns[0]}}}` with")
        if (cursor_column is None) is not (cursor_parameter is None):
            raise ValueError("cursor_column and cursor_parameter are given together: what is asked for, and where")
        if initial_cursor is not None and cursor_column is None:
            raise ValueError("initial_cursor needs a cursor_column that it is a value of")
        self._first_url = with_query(url, {name: str(value) for name, value in (parameters or {}).items()})
        self.pagination = pagination
        self._records_at = record_steps(records)
        self._modes = contract_of_records(schema_contract)
        self._following = Following.of_options(cursor_column, lag)
        self.cursor_outlives_run = self._following is not None
        self._cursor_parameter = cursor_parameter or ""
        self._initial_cursor = None if initial_cursor is None else str(initial_cursor)
        self._size: SizeHint | None = None
        self._read = 0
        super().__init__(**kwargs)
        check_query_names(
            {
                "url": self._url.parameters,
                "parameters": list(parameters or ()),
                "pagination": pagination.parameters,
                "cursor_parameter": [] if cursor_parameter is None else [cursor_parameter],
                "auth": self._query_of_auth,
            }
        )
        for option, value in {"schema_contract": schema_contract, "cursor_column": cursor_column}.items():
            if value is not None and self.own_output() is None:
                raise ValueError(f"{option} needs a contract that it is about: declare output_schema")

    # -- what it gives -------------------------------------------------------------------

    def output_schema_for(self, given: Schema | None) -> Schema | None:
        """Return the declared schema, with nulls where ``schema_contract`` takes them; ``None`` where none is declared.

        Raises:
            ValueError: If a column has no JSON form.
        """
        del given  # a source
        own = self.own_output()
        if own is None:
            return None
        if problems := RowEncoder.problems(own, self.label):
            raise ValueError(str(problems[0]))
        if self._modes is None or self._modes.nullable != "evolve":
            return own
        return Schema(Column(column.name, column.type, nullable=True, key=column.key) for column in own)

    def far_end(self, column: str) -> FarEnd:  # noqa: ARG002 - every column comes alike
        """Return that the column is a member of a record."""
        return FarEnd(f"GET {self._url.display}", "json", null="null")

    def check_contract(self) -> list[GraphProblem]:
        """Return what is wrong with the cursor."""
        own, following = self.own_output(), self._following
        if own is None or following is None:
            return []
        if following.column not in own:
            reason = f"node `{self.label}`: cursor_column: there is no column `{following.column}`"
            return [NodeOptionError(reason, node=self.label, hint=nearest_hint(following.column, own.names))]
        column = own[following.column]
        if problems := following.type_problems(column, self.label):
            return [*problems]
        if self._initial_cursor is not None:
            try:
                self._cursor_of(self._initial_cursor)
            except TypeCastError as error:
                return [NodeOptionError(f"node `{self.label}`: initial_cursor: {error}", node=self.label)]
        return []

    def size_hint(self) -> SizeHint | None:
        """Return how many records this run reads, once a page has told."""
        return self._size

    def size_done(self) -> float | None:
        """Return how many of them were read."""
        return self._read

    # -- reading -------------------------------------------------------------------------

    def generate_batches(self) -> Iterator[Sequence[Row] | Checkpoint]:
        """Yield the rows of each page, and behind it where to go on.

        Raises:
            HttpGetError: If the service does not answer with success, or with what is no page.
            PagingError: If the pages lead in a circle, or elsewhere.
            RowError: With every record of a page that is wrong.
        """
        self._size, self._read = None, 0  # of an earlier run
        begun: dict[str, Any] = self.resume_from or {}
        highest: str | None = begun.get("highest")
        since = begun["since"] if "next" in begun else self._since(highest)
        base = self._first_url if since is None else with_query(self._first_url, {self._cursor_parameter: since})
        steps = self._records_at
        position, number = begun.get("next"), begun.get("page", 1)
        walk = Walk(
            self.pagination,
            base,
            steps,
            self._fetch,
            self.label,
            position=position,
            number=number,
            of_auth=self._query_of_auth,
        )
        is_typed = self.own_output() is not None and self.sending.output_key is None
        shape = _TypedRecords(self) if is_typed else _Documents(self)
        try:
            for page in walk.pages():
                if self._size is None and (left := walk.records_left()) is not None:
                    self._size = SizeHint(max(0.0, left), exact=False)
                rows = shape.rows(walk.records, page.place, self._read + 1)
                highest = self._highest(highest, rows)
                if rows:
                    yield rows
                self._read += len(walk.records)
                walk.advance()
                if not walk.is_done:
                    cursor = {"next": walk.position, "page": walk.number, "since": since, "highest": highest}
                    yield Checkpoint(cursor, lasting=walk.is_cut and self._following is not None)
        except ChannelCancelled:
            return  # it is to stop, and goes on behind the last checkpoint
        shape.tell()
        if walk.is_done and self._following is not None:
            yield Checkpoint({"highest": highest}, lasting=True)

    def read_again(self, line: RawLine) -> Row | None:
        """Return the row of a record that was rejected, ``None`` where ``schema_contract`` lets it go."""
        place = f"{self._url.display}, a rejected record"
        if self.own_output() is None:
            return row_of_document(read_document(line.text, place))
        return RowSorter(self.reader(place), None).row_of(line)

    def reader(self, place: str) -> RecordReader:
        """Return what reads records by the contract; ``place`` is how messages say where they are."""
        schema = self.output_schema_for(None)
        assert schema is not None  # it is declared
        row_class = self.output_row_class() if schema == self.own_output() else None
        return RecordReader(place, schema, row_class or schema.row_class(), "", self._modes)

    def _fetch(self, url: str, number: int) -> Page | None:
        place = f"{self._url.display}, page {number}"
        try:
            return page_of(self._exchange("GET", url), url, place)
        except ExchangeFailed as failed:  # whatever a rule says of it: there is no row that could be rejected
            reason = f"{place}: the service did not answer with success, {failed}"
            raise HttpGetError(reason, status=failed.status, attempts=failed.attempts) from None

    # -- the cursor ----------------------------------------------------------------------

    def _cursor_type(self) -> Column:
        own, following = self.own_output(), self._following
        assert own is not None  # the constructor saw to it
        assert following is not None  # there are no cursors else
        return own[following.column]

    def _cursor_of(self, text: str) -> Any:
        return parse_text(self._cursor_type().type, "csv")(text)

    def _since(self, highest: str | None) -> str | None:
        """Return what the first request asks for, ``None`` if for all."""
        if self._following is None:
            return None
        if highest is None:
            return self._initial_cursor
        column = self._cursor_type()
        value = lowered(self._cursor_of(highest), self._following.lag_for(column))
        return render_text(column.type)(value)

    def _highest(self, before: str | None, rows: Sequence[Row]) -> str | None:
        """Return the highest cursor of the run so far; nulls are below all others."""
        if self._following is None or not rows:
            return before
        column = self._cursor_type()
        read = attrgetter(row_info(type(rows[0])).fields[column.name])
        found = [value for value in map(read, rows) if value is not None]
        if not found:
            return before
        highest = max(found)
        if before is not None and highest <= self._cursor_of(before):
            return before
        return render_text(column.type)(highest)


class _TypedRecords:
    """Makes rows of the declared schema. Belongs to one run of a node."""

    def __init__(self, node: StreamHttp) -> None:
        self._node = node
        self._reader = node.reader("")
        self._sorter = RowSorter(self._reader, node.reject if node.error_policy.rejects else None)

    def rows(self, records: Sequence[bytes], place: str, first: int) -> list[Row]:
        """Return the rows of a page that are right, and hand over the others.

        Args:
            records: The JSON of each.
            place: The page, for messages.
            first: The number of the first record among all of the run.

        Raises:
            RowError: Of every wrong one, where nobody takes them.
        """
        self._reader.path = place
        pieces = [self._reader.piece(record, number) for number, record in enumerate(records, 1)]
        for number, piece in enumerate(pieces, first):
            piece.number = number
        before = self._sorter.discarded.rows
        rows = self._sorter.right_rows(pieces)
        self._node.statistics.rejected += self._sorter.discarded.rows - before
        return rows

    def tell(self) -> None:
        """Log what the contract let go."""
        if self._sorter.discarded.told:
            logger.warning("%s: %s", self._node.label, self._sorter.discarded.told, extra=NO_ROW_VALUES)


class _Documents:
    """Makes rows of what the JSON holds."""

    def __init__(self, node: StreamHttp) -> None:
        self._node = node

    def rows(self, records: Sequence[bytes], place: str, first: int) -> list[Row]:
        """Return the rows of a page that are right; arguments and errors as of typed ones."""
        is_bare = self._node.sending.output_key is not None
        found = []
        for index, record in enumerate(records):
            try:
                document = read_document(record.decode(), f"{place}, record {index + 1}")
                found.append(row_of_document({BARE_VALUE: document} if is_bare else document))
            except RowError as error:
                error.row = first + index
                self._node.reject(RawLine.of(record, len(record)), error)
        return found

    def tell(self) -> None:
        """Log nothing: without a contract nothing is let go."""


def row_of_document(document: Any) -> Row:
    """Return an object as a row of its members, by the types of their values; anything else as a bare value.

    Raises:
        RowError: If no type holds a value.
    """
    members = document if isinstance(document, dict) else {BARE_VALUE: document}
    try:
        return row_of_values([infer_value(value, name) for name, value in members.items()], None)
    except (TypeCastError, IncompatibleTypesException) as error:
        raise RowError(str(error)) from None
