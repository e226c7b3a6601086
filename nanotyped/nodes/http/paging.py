"""The option ``pagination``: how an API pages what it has, a model for each way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Annotated, Any, ClassVar, Final, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from nanotyped.errors import PagingError
from nanotyped.nodes.http.links import next_link
from nanotyped.nodes.http.records import Page, kind_of, steps_of
from nanotyped.row.keypaths import MISSING, Keypath, Step


def _checked(path: str | Sequence[Step]) -> str | Sequence[Step]:
    Keypath(path)
    return path


PathOption: TypeAlias = Annotated[str | Sequence[Step], AfterValidator(_checked)]
# Where a walk is: nothing at the first page of links and cursors, else a link, a cursor, an offset or a page's number.
Position: TypeAlias = str | int | dict[str, Any] | None


class End(Enum):
    """The type of ``END``: what follows the last page."""

    END = "end"


END: Final = End.END


class Pagination(BaseModel):
    """What every kind of paging shares.

    Args:
        max_pages: Pages of one run, or of one message, at the most; what lies behind is left, and the log says so.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    max_pages: int | None = Field(default=None, ge=1)

    counts_records: ClassVar[bool] = False
    """Whether the records of a page say where the next one is: then a page equal to the one before is a circle."""

    def model_post_init(self, context: Any, /) -> None:
        """Count the type as given: a file does not do without it, and is written of what was given."""
        del context
        self.__pydantic_fields_set__.add("type")

    @property
    def first(self) -> Position:
        """The position of the first page."""
        return None

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the query parameters that it fills in."""
        return ()

    def query(self, position: Position) -> Mapping[str, str]:
        """Return what it puts into the query for a position."""
        del position
        return {}

    def following(self, page: Page, position: Position, records: int) -> Position | End:
        """Return where the next page is; ``records`` is how many this one has.

        Raises:
            PagingError: If the page does not say it, and it is not the last one.
            RowError: If the page is no JSON.
        """
        raise NotImplementedError

    def unsaid(self, page: Page) -> str:
        """Return which option names a place where a page has nothing, ``""`` if all are there."""
        del page
        return ""

    def records_left(self, page: Page, position: Position, records: int) -> float | None:
        """Return about how many records this page and those behind it have, as far as it tells; ``None``: it does not.

        Raises:
            PagingError: If it does not tell where it should.
        """
        del page, position, records
        return None


class SinglePage(Pagination):
    """There is one page."""

    type: Literal["single_page"] = "single_page"

    def following(self, page: Page, position: Position, records: int) -> Position | End:
        """Return that there is none."""
        del page, position, records
        return END


class HeaderLinkPages(Pagination):
    """The next page is where the header ``Link`` says, ``rel="next"`` (RFC 8288), as of GitHub."""

    type: Literal["header_link"] = "header_link"

    def following(self, page: Page, position: Position, records: int) -> Position | End:
        """Return the link of the header."""
        del position, records
        try:
            link = next_link(page.headers.get("Link", ""))
        except ValueError as error:
            raise PagingError(f"{page.place}: the header `Link` cannot be read: {error}") from None
        return END if link is None else link


class JsonLinkPages(Pagination):
    """The URL of the next page stands in the page.

    Args:
        path: Member of the page, or list of steps into it, that is the URL; null, empty or missing on the last page.
    """

    type: Literal["json_link"] = "json_link"
    path: PathOption

    def following(self, page: Page, position: Position, records: int) -> Position | End:
        """Return the link of the page."""
        del position, records
        link = page.at(steps_of("path", self.path))
        if link is MISSING or link is None or link in ("", False):
            return END
        if not isinstance(link, str):
            raise PagingError(f"{page.place} has {kind_of(link)} where the link to the next page should be")
        return link

    def unsaid(self, page: Page) -> str:
        """Return the path, if nothing is there."""
        return "path" if page.at(steps_of("path", self.path)) is MISSING else ""


class CursorPages(Pagination):
    """A cursor for the next page stands in the page, and goes into the query.

    Args:
        path: Member of the page, or list of steps into it, that is the cursor: ``[data, -1, id]`` is the ``id`` of the
            last record. Null, empty or missing on the last page.
        parameter: The query parameter that it goes into; the first request has none.
        has_more: Where it stands whether there are more pages, true or false.
    """

    type: Literal["cursor"] = "cursor"
    path: PathOption
    parameter: str = Field(min_length=1)
    has_more: PathOption | None = None

    @property
    def parameters(self) -> tuple[str, ...]:
        """The one of the cursor."""
        return (self.parameter,)

    def query(self, position: Position) -> Mapping[str, str]:
        """Return the cursor, behind the first page."""
        return {} if position is None else {self.parameter: str(position)}

    def following(self, page: Page, position: Position, records: int) -> Position | End:
        """Return the cursor of the page, as text."""
        del position, records
        cursor = page.at(steps_of("path", self.path))
        is_there = not (cursor is MISSING or cursor is None or cursor == "" or cursor is False)
        if self.has_more is not None:
            more = page.at(steps_of("has_more", self.has_more))
            if more not in (MISSING, None, True, False):
                raise PagingError(f"{page.place} has {kind_of(more)} at `has_more`, and true or false is wanted")
            if more is not True:
                return END
            if not is_there:
                raise PagingError(f"{page.place} says that there are more pages, and has no cursor for the next one")
        if not is_there:
            return END
        if isinstance(cursor, bool | list | dict):
            raise PagingError(f"{page.place} has {kind_of(cursor)} where the cursor of the next page should be")
        return str(cursor)

    def unsaid(self, page: Page) -> str:
        """Return the path that decides, if nothing is there."""
        option, path = ("path", self.path) if self.has_more is None else ("has_more", self.has_more)
        return option if page.at(steps_of(option, path)) is MISSING else ""


class OffsetPages(Pagination):
    """The query says how many records to leave out, and how many to give.

    It ends at a page without records; with ``total`` behind that many. A page with fewer records than ``limit`` is not
    the end by itself: a service may give fewer than it was asked for, and does not say so.

    Args:
        limit: Records of a page that are asked for.
        limit_parameter: The query parameter of ``limit``.
        parameter: The query parameter of the offset.
        total: Member of a page, or list of steps into it, that says how many records there are.
    """

    type: Literal["offset"] = "offset"
    limit: int = Field(ge=1)
    limit_parameter: str = Field(default="limit", min_length=1)
    parameter: str = Field(default="offset", min_length=1)
    total: PathOption | None = None

    counts_records: ClassVar[bool] = True

    @property
    def first(self) -> Position:
        """Offset 0."""
        return 0

    @property
    def parameters(self) -> tuple[str, ...]:
        """Those of limit and offset."""
        return (self.limit_parameter, self.parameter)

    def query(self, position: Position) -> Mapping[str, str]:
        """Return limit and offset."""
        return {self.limit_parameter: str(self.limit), self.parameter: str(position)}

    def following(self, page: Page, position: Position, records: int) -> Position | End:
        """Return the offset behind the page."""
        assert isinstance(position, int)  # it began so
        reached, left = position + records, self.records_left(page, position, records)
        if records == 0 or (left is not None and records >= left):
            return END
        return reached

    def records_left(self, page: Page, position: Position, records: int) -> float | None:
        """Return what of the total is not before the page."""
        del records
        assert isinstance(position, int)  # it began so
        return None if self.total is None else _number_at(page, "total", self.total) - position


class NumberedPages(Pagination):
    """The query says the number of the page.

    It ends at a page without records; with ``total_pages`` behind that many pages.

    Args:
        parameter: The query parameter of the number.
        first_page: The number of the first page.
        total_pages: Member of a page, or list of steps into it, that says how many pages there are.
    """

    type: Literal["page_number"] = "page_number"
    parameter: str = Field(default="page", min_length=1)
    first_page: int = Field(default=1, ge=0)
    total_pages: PathOption | None = None

    counts_records: ClassVar[bool] = True

    @property
    def first(self) -> Position:
        """The number of the first page."""
        return self.first_page

    @property
    def parameters(self) -> tuple[str, ...]:
        """The one of the number."""
        return (self.parameter,)

    def query(self, position: Position) -> Mapping[str, str]:
        """Return the number."""
        return {self.parameter: str(position)}

    def following(self, page: Page, position: Position, records: int) -> Position | End:
        """Return the next number."""
        assert isinstance(position, int)  # it began so
        left = self._pages_left(page, position)
        return END if records == 0 or (left is not None and left <= 1) else position + 1

    def records_left(self, page: Page, position: Position, records: int) -> float | None:
        """Return what it would be if every page were as long as this one."""
        assert isinstance(position, int)  # it began so
        left = self._pages_left(page, position)
        return None if left is None else records * left

    def _pages_left(self, page: Page, position: int) -> int | None:
        if self.total_pages is None:
            return None
        return _number_at(page, "total_pages", self.total_pages) - (position - self.first_page)


PaginationOption: TypeAlias = Annotated[
    SinglePage | HeaderLinkPages | JsonLinkPages | CursorPages | OffsetPages | NumberedPages,
    Field(discriminator="type"),
]


def _number_at(page: Page, option: str, path: PathOption) -> int:
    found = page.at(steps_of(option, path))
    if isinstance(found, bool) or not isinstance(found, int) or found < 0:
        what = "nothing" if found is MISSING else kind_of(found)
        raise PagingError(f"{page.place} has {what} at `{option}`, and a whole number is wanted")
    return found
