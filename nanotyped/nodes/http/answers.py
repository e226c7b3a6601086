"""Answers of a service: their bytes, unpacked and never more than may be, and what messages say of them.

Nothing here tells a URL's query.
"""

from __future__ import annotations

import ssl
import zlib
from collections.abc import Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
import urllib3

if TYPE_CHECKING:
    from nanotyped.nodes.http.client import RetryPolicy

MAX_JSON_DEPTH = 100
"""How deep arrays and objects of an answer may be nested; services that mean well stay far below it."""
MAX_REDIRECTS = 5
MAX_SHOWN_ANSWER = 200
MAX_SHOWN_HOST = 80
# More of an answer than can be shown, so that a secret in it is found whole.
_LOOKED_AT = 64 * 1024
_READ_BYTES = 64 * 1024
# RFC 9110 8.4.1; zlib tells gzip and deflate apart by their heads.
_PACKED = frozenset({"gzip", "x-gzip", "deflate"})
_BY_HEAD = zlib.MAX_WBITS | 32
_DEFAULT_PORTS = {"http": 80, "https": 443}
# What OpenSSL says of a certificate that an authority would make valid.
_UNKNOWN_AUTHORITY = frozenset({18, 19, 20, 21})
_REDIRECTS = frozenset(
    {
        HTTPStatus.MOVED_PERMANENTLY,
        HTTPStatus.FOUND,
        HTTPStatus.SEE_OTHER,
        HTTPStatus.TEMPORARY_REDIRECT,
        HTTPStatus.PERMANENT_REDIRECT,
    }
)


class Body(NamedTuple):
    """The bytes of an answer; ``is_whole``: all that were needed are there, and not only its beginning."""

    data: bytes
    is_whole: bool = True


class _TooLongError(Exception):
    """An answer is packed to more bytes than it may have unpacked."""


# -- bytes -----------------------------------------------------------------------------


def read_body(response: requests.Response, most: int, *, needs_whole: bool) -> Body:
    """Return the answer's bytes, as many as may be; what goes beyond is neither read nor unpacked.

    Args:
        response: The answer.
        most: How many they may be.
        needs_whole: Whether they are needed to the last one, and unpacked.

    Raises:
        urllib3.exceptions.HTTPError: If it breaks off, or is not packed as it says.
    """
    found = bytearray()
    pieces = _pieces(response, most + needs_whole)
    if needs_whole and content_coding(response) in _PACKED:
        pieces = _unpacked(pieces, most + 1)
    try:
        for piece in pieces:
            found += piece
    except _TooLongError:
        return Body(bytes(found[:_LOOKED_AT]), is_whole=False)
    if needs_whole and len(found) > most:  # no copy of so many bytes that are of no use
        return Body(bytes(found[:_LOOKED_AT]), is_whole=False)
    return Body(bytes(found))


def content_coding(response: requests.Response) -> str:
    """Return how an answer is packed, ``""`` if it is not."""
    coding = response.headers.get("Content-Encoding", "").strip().lower()
    return "" if coding == "identity" else coding


def is_unpacked(response: requests.Response) -> bool:
    """Return whether ``read_body`` gives the content of an answer, and not what it was packed to."""
    return content_coding(response) in ("", *_PACKED)


def _pieces(response: requests.Response, most: int) -> Iterator[bytes]:
    left = most
    while left > 0:
        piece = response.raw.read1(min(_READ_BYTES, left), decode_content=False)
        if not piece:
            return
        left -= len(piece)
        yield piece


def _unpacked(pieces: Iterator[bytes], most: int) -> Iterator[bytes]:
    """Yield what the pieces are the packed form of, ``most`` bytes of it, and never more than that at once."""
    left, packed_left = most, most
    unpacker, has_begun = zlib.decompressobj(_BY_HEAD), False
    for packed in pieces:
        waiting = packed
        packed_left -= len(packed)
        while waiting and left > 0:
            if unpacker.eof:  # gzip may be several files, one behind the other (RFC 1952 2.2)
                unpacker = zlib.decompressobj(_BY_HEAD)
            try:
                piece = unpacker.decompress(waiting, min(_READ_BYTES, left))
            except zlib.error:
                raise urllib3.exceptions.DecodeError("not packed as it says") from None
            has_begun = True
            left -= len(piece)
            waiting = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
            yield piece
        if left <= 0:
            return
        if packed_left <= 0:  # it may unpack to nothing, for ever
            raise _TooLongError
    if has_begun and not unpacker.eof:
        raise urllib3.exceptions.IncompleteRead(most - left, 0)


def is_too_deep(document: Any) -> bool:
    """Return whether arrays and objects of a document are nested deeper than may be."""
    level = [document] if isinstance(document, dict | list) else []
    for _ in range(MAX_JSON_DEPTH):
        if not level:
            return False
        level = [
            member
            for one in level
            for member in (one.values() if isinstance(one, dict) else one)
            if type(member) is dict or type(member) is list
        ]
    return bool(level)


# -- redirects -------------------------------------------------------------------------


def redirect_target(response: requests.Response, url: str) -> str | None:
    """Return where an answer to a request for ``url`` leads, if that is the same scheme, host and port; else none."""
    onward, here = _onward(response, url), urlsplit(url)
    if onward is None or onward.username is not None or _origin(onward) != _origin(here):
        return None
    # Whatever it says: host and port are those that were asked before.
    return here._replace(path=onward.path or "/", query=onward.query, fragment="").geturl()


def _onward(response: requests.Response, url: str) -> SplitResult | None:
    location = response.headers.get("Location")
    if response.status_code not in _REDIRECTS or location is None:
        return None
    try:
        found = urlsplit(urljoin(url, location))
        return found if _origin(found)[1] else None
    except ValueError:
        return None


def _origin(url: SplitResult) -> tuple[str, str, int | None]:
    scheme = url.scheme.lower()
    return scheme, (url.hostname or "").lower(), url.port or _DEFAULT_PORTS.get(scheme)


def _why_not_followed(response: requests.Response, url: str, *, is_get: bool) -> str:
    onward = _onward(response, url)
    where = "" if onward is None or onward.hostname is None else f" to host `{onward.hostname[:MAX_SHOWN_HOST]}`"
    if not is_get:
        return f"{where}; redirects are not followed, give the final url"
    if onward is not None and redirect_target(response, url) is not None:
        return f"{where}; no more than {MAX_REDIRECTS} redirects in a row are followed"
    return f"{where}; redirects to another host, port or scheme are not followed, give the final url"


# -- messages --------------------------------------------------------------------------


def reason_of(response: requests.Response, text: str, url: str, *, is_get: bool) -> str:
    """Return why an answer is no success.

    Args:
        response: The answer.
        text: What it says, without secrets.
        url: What was asked for.
        is_get: Whether redirects of such requests are followed where they may be.
    """
    status = response.status_code
    try:
        reason = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:  # a status that no standard names
        reason = str(status)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return reason + _why_not_followed(response, url, is_get=is_get)
    if text:
        reason += f": {text[:MAX_SHOWN_ANSWER]!r}{'…' if len(text) > MAX_SHOWN_ANSWER else ''}"
    return reason


def text_of(answer: bytes) -> str:
    """Return what an answer says, for messages: its beginning, as text."""
    return answer[:_LOOKED_AT].decode("utf-8", "replace")


def why_no_answer(error: BaseException, policy: RetryPolicy, timeout_s: float) -> str:
    """Return why there is no answer, without the URL that the libraries put into their own texts.

    Args:
        error: Of the libraries.
        policy: Of the request.
        timeout_s: How long bytes of the answer were waited for.
    """
    if isinstance(error, requests.ConnectTimeout):
        return f"no connection within {policy.connect_timeout_s:g} s"
    causes = _causes(error)
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            remedy = "; `tls_ca` names an authority to trust" if cause.verify_code in _UNKNOWN_AUTHORITY else ""
            return f"the certificate is not valid: {cause.verify_message}{remedy}"
        if isinstance(cause, ssl.SSLError):
            remedy = "; is it a port of `http`?" if cause.reason == "WRONG_VERSION_NUMBER" else ""
            return f"TLS failed: {cause.reason or type(cause).__name__}{remedy}"
        if isinstance(cause, OSError) and cause.strerror:
            return f"no connection: {cause.strerror}"
    # A refused connection is a timeout to urllib3, hence this after the answers of the system.
    timeouts = (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)
    if any(isinstance(cause, timeouts) for cause in causes):
        return f"no whole answer within {timeout_s:g} s"
    if any(isinstance(cause, urllib3.exceptions.IncompleteRead) for cause in causes):
        return "the answer broke off"
    if any(isinstance(cause, urllib3.exceptions.DecodeError) for cause in causes):
        return "the answer is not packed as it says"
    return "the connection was closed before an answer"


def is_untrusted(error: BaseException) -> bool:
    """Return whether the service is not who it ought to be."""
    return any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(error))


def _causes(error: BaseException) -> list[BaseException]:
    """Return an error and all that lies behind it: libraries keep the cause in `reason`, or among the arguments."""
    found: list[BaseException] = []
    waiting: list[Any] = [error]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            waiting += [getattr(one, "reason", None), *one.args, one.__cause__, one.__context__]
    return found
