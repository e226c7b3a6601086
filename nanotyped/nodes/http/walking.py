"""The walk over the pages of an API: from link to link, or from number to number, and where to go on after a stop.

It never goes in a circle and never leaves the host that the pipeline names: both end it with an error.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote_plus, urljoin, urlsplit

from nanotyped.errors import PagingError, shown
from nanotyped.node.running import NO_ROW_VALUES
from nanotyped.nodes.http.paging import END, HeaderLinkPages, JsonLinkPages

if TYPE_CHECKING:
    from nanotyped.nodes.http.paging import Pagination, Position
    from nanotyped.nodes.http.records import Page
    from nanotyped.row.keypaths import Step

_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f\\]")
_PORTS = {"http": 80, "https": 443}
logger = logging.getLogger("nanotyped.nodes.http")


def check_query_names(given: Mapping[str, Iterable[str]]) -> None:
    """Raise ``ValueError`` if two options, or one twice, fill in one parameter of the query."""
    owners: dict[str, str] = {}
    for option, names in given.items():
        for name in names:
            if name in owners:
                where = f"{owners[name]} and {option}" if owners[name] != option else f"{option}, twice,"
                raise ValueError(f"{where} fill in the parameter `{name}` of the query; one of them is enough")
            owners[name] = option


def with_query(url: str, parameters: Mapping[str, str]) -> str:
    """Return a URL with these parameters in its query; others stay as they are, those of the same names go."""
    bare = without_query(url, parameters)
    added = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in parameters.items())
    return f"{bare}{'&' if '?' in bare else '?'}{added}" if added else bare


def without_query(url: str, names: Collection[str]) -> str:
    """Return a URL without the parameters of these names."""
    if not names:
        return url
    path, _, query = url.partition("?")
    kept = [piece for piece in query.split("&") if piece and _name_of(piece) not in names]
    return f"{path}?{'&'.join(kept)}" if kept else path


def _name_of(piece: str) -> str:
    return unquote_plus(piece.partition("=")[0])


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    return scheme, (parts.hostname or "").lower(), parts.port if parts.port is not None else _PORTS.get(scheme)


def resolved(link: str, page: Page) -> str:
    """Return the absolute URL of a link in a page.

    Raises:
        PagingError: If it leads to another host, scheme or port, or is no URL. No message holds its query.
    """
    try:
        url = urljoin(page.url, link).partition("#")[0]
        parts, own = urlsplit(url), urlsplit(page.url)
        there, here = _origin(url), _origin(page.url)
    except ValueError:
        raise PagingError(f"{page.place}: the link to the next page is no URL") from None
    if _UNPRINTABLE.search(url) or not url.isascii():
        raise PagingError(f"{page.place}: the link to the next page is no URL: it holds signs that must be encoded")
    if there != here or "@" in parts.netloc:
        target = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        raise PagingError(
            f"{page.place}: the next page is said to be at {shown(target)[1:-1]};"
            f" links are followed on {own.scheme}://{own.netloc} alone"
        )
    return url


class LinkKeeper:
    """Links as a state keeps them: nothing in them that the pipeline itself put into the query, such as a key.

    Args:
        base: The URL of the first page.
    """

    def __init__(self, base: str) -> None:
        parts = urlsplit(base)
        self._root = f"{parts.scheme}://{parts.netloc}"
        self._own = {_name_of(piece): piece for piece in parts.query.split("&") if piece}

    def kept(self, url: str) -> dict[str, Any]:
        """Return a URL of the same host as JSON holds it: what stands in the first URL too is told by its name."""
        parts = urlsplit(url)
        pieces: list[Any] = []
        for piece in parts.query.split("&") if parts.query else ():
            name = _name_of(piece)
            is_own = name in self._own and unquote_plus(self._own[name]) == unquote_plus(piece)
            pieces.append({"own": name} if is_own else piece)
        return {"path": parts.path, "query": pieces}

    def url(self, kept: Mapping[str, Any]) -> str:
        """Return the URL again."""
        pieces = [self._own.get(piece["own"], "") if isinstance(piece, dict) else piece for piece in kept["query"]]
        return f"{self._root}{kept['path']}" + (f"?{'&'.join(pieces)}" if pieces else "")


class Walk:
    """The pages of an API, one after the other. Used by one thread, once.

    Args:
        pagination: How they are paged.
        base: The URL of the first page, without what ``pagination`` puts into the query.
        records: Where in a page its records are; ``None``: nobody asks for them.
        fetch: Returns the page at a URL, which has this number; ``None`` where there is none, which is the end.
        label: Who walks, for the log.
        position: Where to begin, as ``position`` was; ``None``: at the first page.
        number: The number of that page.
        of_auth: The names of what each request has in its query anyway; links that repeat it are taken without it.

    Attributes:
        position: Where the next page is; JSON can hold it.
        number: The number of the next page, from 1.
        is_done: Whether there is no next page.
        is_cut: Whether there is one, and ``max_pages`` says not to ask for it.
        records: The records of the page in hand, each as its JSON stands there.
    """

    def __init__(
        self,
        pagination: Pagination,
        base: str,
        records: Sequence[Step] | None,
        fetch: Callable[[str, int], Page | None],
        label: str,
        *,
        position: Position = None,
        number: int = 1,
        of_auth: Collection[str] = (),
    ) -> None:
        self._pagination = pagination
        self._base = base
        self._records_at = records
        self._fetch = fetch
        self._label = label
        self._links = LinkKeeper(base)
        self._of_auth = of_auth
        self.position = pagination.first if position is None else position
        self.number = number
        self.is_done = self.is_cut = False
        self.records: list[bytes] = []
        self._seen: dict[bytes, int] = {}
        self._taken = 0
        self._page: Page | None = None
        self._last = b""

    def pages(self) -> Iterator[Page]:
        """Yield each page, the last one included, and go on from it.

        Raises:
            PagingError: If pages come again, lead elsewhere, or do not say how to go on.
            RowError: If a page is no JSON, or its records are not where they should be.
        """
        while not (self.is_done or self.is_cut):
            url = self._url()
            self._seen[_digest([url])] = self.number
            page = self._fetch(url, self.number)
            if page is None:
                self.is_done = True
                return
            if self._records_at is not None or self._pagination.counts_records:
                self.records = page.records(self._records_at or ())
            self._check_other(page)
            self._page = page
            self._taken += 1
            yield page
            self.advance()

    def advance(self) -> None:
        """Go on behind the page in hand; again: nothing. For whoever asks for the position before the next page.

        Raises:
            PagingError: As ``pages``; ``RowError`` too.
        """
        page, self._page = self._page, None
        if page is None:
            return
        following = self._pagination.following(page, self.position, len(self.records))
        if following is END:
            self.is_done = True
            if self.number == 1 and (option := self._pagination.unsaid(page)):
                text = "%s: page 1 has nothing at `%s` of pagination, and so is taken for the only one"
                logger.warning(text, self._label, option, extra=NO_ROW_VALUES)
            return
        if isinstance(self._pagination, HeaderLinkPages | JsonLinkPages):
            following = self._links.kept(without_query(resolved(str(following), page), self._of_auth))
        self.position = following
        self._refuse_circle(page)
        self.number += 1
        most = self._pagination.max_pages
        if most is not None and self._taken >= most:
            self.is_cut = True
            logger.warning("%s: max_pages: %d were read, and there may be more", self._label, most, extra=NO_ROW_VALUES)

    def records_left(self) -> float | None:
        """Return about how many records the page in hand and those behind it have, as far as it tells."""
        page = self._page
        return None if page is None else self._pagination.records_left(page, self.position, len(self.records))

    def _url(self) -> str:
        if isinstance(self.position, dict):
            return self._links.url(self.position)
        return with_query(self._base, self._pagination.query(self.position))

    def _refuse_circle(self, page: Page) -> None:
        before = self._seen.get(_digest([self._url()]))
        if before is None:
            return
        if isinstance(self.position, dict):
            what = f"the link {urlsplit(self._url())._replace(query='', fragment='').geturl()}"
        else:
            what = f"the cursor {shown(self.position)}"
        raise PagingError(f"{page.place} gives {what} for the next page, which was that of page {before}")

    def _check_other(self, page: Page) -> None:
        if not self._pagination.counts_records:
            return
        last, self._last = self._last, _digest(self.records) if self.records else b""
        if last and last == self._last:
            name = self._pagination.parameters[-1]
            raise PagingError(
                f"{page.place}, asked for by `{name}={self.position}`, has the records of the page before it"
            )


def _digest(pieces: Sequence[str | bytes]) -> bytes:
    found = hashlib.blake2b(digest_size=16)
    for piece in pieces:
        found.update(piece.encode() if isinstance(piece, str) else piece)
        found.update(b"\n")
    return found.digest()
