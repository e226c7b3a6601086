"""Requests over HTTP: attempts, waits between them, and an error that says what the service said.

Nothing here tells a URL's query, a header's value, or a body that was sent: they may hold secrets.
"""

from __future__ import annotations

import logging
import random
import re
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
import urllib3

from nanotyped.nodes.http.deadline import BoundedAdapter, until

if TYPE_CHECKING:
    from nanotyped.nodes.http.pacing import Circuit, Pace
    from nanotyped.nodes.http.rules import Action, Rules

MAX_ANSWER_BYTES = 1024 * 1024
MAX_SHOWN_ANSWER = 200
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
_READ_BYTES = 64 * 1024
_SECONDS = re.compile(r"[0-9]{1,15}")
logger = logging.getLogger("nanotyped.nodes.http")


class ExchangeStopped(Exception):  # noqa: N818 - the node was told to end; no mistake of anyone
    """The pause before another attempt ended because the node is to end; there is no answer."""


class ExchangeFailed(Exception):  # noqa: N818 - whose failure it is says the node that asked
    """A request that was not answered with success.

    Attributes:
        reason: Why, in the words of the service where there are any.
        status: Of the last answer; ``None`` where there was none.
        attempts: How often it was tried.
        action: What the last answer means: ``reject`` or ``split``, where it is about what was sent.
    """

    def __init__(self, reason: str, status: int | None, attempts: int, action: Action = "fail") -> None:
        self.reason = reason
        self.status = status
        self.attempts = attempts
        self.action = action
        super().__init__(reason, status, attempts, action)

    def __str__(self) -> str:
        return f"after {self.attempts} attempt{'' if self.attempts == 1 else 's'}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is no failure.

    Attributes:
        status: Its status.
        body: Its bytes.
        headers: Its headers, whose names may be asked for in any case.
        is_ignored: Whether it is no success either: a rule of the pipeline says that it does not matter.
    """

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    is_ignored: bool = False


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long, and how often, a request is tried.

    Attributes:
        timeout_s: Of one connection, and of each wait for bytes of the answer.
        max_attempts: Requests at the most.
        deadline_s: Seconds in all, waits included.
        max_retry_after_s: Longest wait that a service may ask for; one that asks for more is not tried again.
    """

    timeout_s: float = 30.0
    max_attempts: int = 5
    deadline_s: float = 300.0
    max_retry_after_s: float = 60.0

    def __post_init__(self) -> None:
        """Raise ``ValueError`` if a number makes no sense."""
        for name in ("timeout_s", "deadline_s"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)!r}")
        if self.max_attempts < 1:
            raise ValueError(f"max_attempts must be at least 1, not {self.max_attempts!r}")
        if not self.max_retry_after_s >= 0:
            raise ValueError(f"max_retry_after_s must not be below 0, not {self.max_retry_after_s!r}")


@dataclass(frozen=True, slots=True)
class Terms:
    """How a node deals with a service; one for all of its threads.

    Attributes:
        headers: Sent with every request.
        policy: How often and how long a request is tried.
        rules: What answers mean.
        pace: Keeps a rate; ``None``: as fast as may be.
        circuit: Holds all back while nothing gets through; ``None``: each request is tried for itself.
        max_answer_bytes: Bytes of an answer that are read at the most.
        needs_whole: Whether a longer answer is a failure; else what is beyond is not looked at.
        retried: Told of each attempt that is another one, with the number of its rows.
    """

    headers: Mapping[str, str]
    policy: RetryPolicy
    rules: Rules
    pace: Pace | None = None
    circuit: Circuit | None = None
    max_answer_bytes: int = MAX_ANSWER_BYTES
    needs_whole: bool = False
    retried: Callable[[int], None] | None = None


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of one attempt; ``reason`` is ``""`` where it was answered with success."""

    action: Action
    reason: str = ""
    status: int | None = None
    retry_after_s: float | None = None
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_outage(self) -> bool:
        """Whether the service could not be reached, or was not able to answer."""
        return self.action == "retry" and (self.status is None or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR)


class HttpClient:
    """Sends requests over one session. Belongs to one thread.

    Args:
        terms: How it deals with the service.
        pause: Waits so many seconds and returns whether to go on.
    """

    def __init__(self, terms: Terms, pause: Callable[[float], bool]) -> None:
        self._terms = terms
        self._policy = terms.policy
        self._pause = pause
        self._session = requests.Session()
        # No proxy, no .netrc, no certificates out of the environment: what is sent where is written in the pipeline.
        self._session.trust_env = False
        for prefix in ("http://", "https://"):
            self._session.mount(prefix, BoundedAdapter())
        # Answers are capped by their bytes on the wire, so they come unpacked.
        self._session.headers.update({"Accept-Encoding": "identity", **terms.headers})
        self._last: tuple[str, str, requests.PreparedRequest] | None = None

    def close(self) -> None:
        """Close every connection."""
        self._session.close()

    def exchange(
        self,
        method: str,
        url: str,
        place: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        rows: int = 1,
    ) -> Answer:
        """Send a request until it is answered with success; every attempt is the same request.

        Args:
            method: Of HTTP.
            url: Where to.
            place: The URL as messages show it.
            body: What is sent; ``None``: nothing.
            headers: Of this request, beside those of the session; each request of a session has the same ones.
            rows: How many rows it is for.

        Raises:
            ExchangeFailed: If it is not, or not in time.
            ExchangeStopped: If the node is to end.
        """
        attempt, deadline = 0, None
        while True:
            attempt += 1
            deadline = self._wait_for_turn(rows, deadline)
            outcome = self._attempt(method, url, body, headers or {}, deadline)
            if self._terms.circuit is not None:
                self._terms.circuit.tell(place, failed=outcome.is_outage)
            if outcome.action in ("success", "ignore"):
                assert outcome.status is not None  # there was an answer
                return Answer(outcome.status, outcome.body, outcome.headers, outcome.action == "ignore")
            reason, wait_s = self._next_attempt(attempt, outcome, deadline)
            if wait_s is None:
                raise ExchangeFailed(reason, outcome.status, attempt, outcome.action)
            logger.warning("%s: attempt %d: %s; the next in %.1f s", place, attempt, outcome.reason, wait_s)
            if self._terms.retried is not None:
                self._terms.retried(rows)
            if not self._pause(wait_s):
                raise ExchangeStopped

    def _wait_for_turn(self, rows: int, deadline: float | None) -> float:
        """Wait for the rate and for the circuit, and return the moment until which the request may be tried.

        What keeps the rate holds up no answer, so the time of a request begins behind it.
        """
        pace, circuit = self._terms.pace, self._terms.circuit
        if pace is not None and not pace.wait(rows, self._pause):
            raise ExchangeStopped
        if deadline is None:
            deadline = time.monotonic() + self._policy.deadline_s
        while circuit is not None and (wait_s := circuit.wait_s()) > 0:
            left_s = deadline - time.monotonic()
            if not self._pause(max(0.0, min(wait_s, left_s))):
                raise ExchangeStopped
            if wait_s >= left_s:
                break  # it is tried once more, and told of as any attempt
        return deadline

    def _next_attempt(self, attempt: int, outcome: _Outcome, deadline: float) -> tuple[str, float | None]:
        """Return why an attempt failed, and the seconds until the next one, if there is to be one."""
        reason = outcome.reason
        if outcome.action != "retry" or attempt >= self._policy.max_attempts:
            return reason, None
        if (outcome.retry_after_s or 0) > self._policy.max_retry_after_s:
            # To come back earlier than it asks is no use to anybody.
            reason += f"; it asks for a pause of {outcome.retry_after_s:.0f} s"
            return f"{reason}, and max_retry_after_s is {self._policy.max_retry_after_s:g}", None
        wait_s = backoff_s(attempt) if outcome.retry_after_s is None else outcome.retry_after_s
        if time.monotonic() + wait_s >= deadline:
            return f"{reason}; the next attempt would come after the deadline of {self._policy.deadline_s:g} s", None
        return reason, wait_s

    def _prepared(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]
    ) -> requests.PreparedRequest:
        """Return the request; for the URL of the last one, that one with another body: most of the work is the same.

        Where the service has set cookies, which may change with every answer, each request is prepared for itself.
        """
        if self._last is not None and self._last[:2] == (method, url) and not self._session.cookies:
            request = self._last[2]
            if body is not None:
                request.prepare_body(body, None)
            request.headers.update(headers)
            return request
        request = self._session.prepare_request(requests.Request(method, url, data=body, headers=headers))
        self._last = None if self._session.cookies else (method, url, request)
        return request

    def _attempt(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], deadline: float
    ) -> _Outcome:
        timeout_s = max(0.001, min(self._policy.timeout_s, deadline - time.monotonic()))
        try:
            with until(deadline):
                request = self._prepared(method, url, body, headers)
                response = self._session.send(request, timeout=timeout_s, stream=True, allow_redirects=False)
                try:
                    answer = _read_answer(response, self._terms.max_answer_bytes + self._terms.needs_whole)
                finally:
                    response.close()
        except requests.exceptions.SSLError as error:
            broken = not any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(error))
            return _Outcome("retry" if broken else "fail", _why(error, timeout_s))
        except (requests.ConnectionError, requests.Timeout, urllib3.exceptions.HTTPError, TimeoutError) as error:
            if time.monotonic() >= deadline:
                return _Outcome("fail", f"no whole answer before the deadline of {self._policy.deadline_s:g} s")
            return _Outcome("retry", _why(error, timeout_s))
        except requests.RequestException as error:
            return _Outcome("fail", f"the request cannot be made: {type(error).__name__}")
        return self._judge(response, answer)

    def _judge(self, response: requests.Response, answer: bytes) -> _Outcome:
        status, headers, most = response.status_code, response.headers, self._terms.max_answer_bytes
        action, message = self._terms.rules.judge(status, headers, answer)
        if action not in ("success", "ignore"):
            reason = _reason(response, answer) if message is None else f"{status}: {message}"
            return _Outcome(action, reason, status, asked_pause_s(headers))
        if self._terms.needs_whole and len(answer) > most:
            return _Outcome("fail", f"the answer is longer than {most:,} bytes", status)
        coding = headers.get("Content-Encoding", "identity").strip().lower()
        if self._terms.needs_whole and coding not in ("", "identity"):
            return _Outcome("fail", f"the answer is packed ({coding[:20]!r}), which was not asked for", status)
        return _Outcome(action, "", status, body=answer, headers=headers)


class ClientOfThread:
    """The client of each thread that asks for one; all of them are alike.

    Args:
        new: Makes one.
    """

    def __init__(self, new: Callable[[], HttpClient]) -> None:
        self._new = new
        self._own = threading.local()
        self._all: list[HttpClient] = []
        self._lock = threading.Lock()

    def __call__(self) -> HttpClient:
        """Return the client of this thread, opened when it is asked for first."""
        client: HttpClient | None = getattr(self._own, "client", None)
        if client is None:
            client = self._own.client = self._new()
            with self._lock:
                self._all.append(client)
        return client

    def close(self) -> None:
        """Close every connection of every client; none is asked for any more."""
        for client in self._all:
            client.close()


def backoff_s(attempt: int) -> float:
    """Return the seconds to wait behind an attempt: they grow, and are never quite the same."""
    longest = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(attempt - 1, 30))
    return random.uniform(longest / 2, longest)  # noqa: S311 - to keep clients apart, not to keep a secret


def _read_answer(response: requests.Response, most: int) -> bytes:
    """Return the answer's bytes, as many as may be; what goes beyond is not read."""
    found = bytearray()
    while len(found) < most:
        more = response.raw.read1(min(_READ_BYTES, most - len(found)), decode_content=False)
        if not more:
            break
        found += more
    return bytes(found)


def _reason(response: requests.Response, answer: bytes) -> str:
    """Return what an answer says of why it is no success."""
    status = response.status_code
    try:
        reason = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:  # a status that no standard names
        reason = str(status)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return f"{reason}{_destination(response)}; redirects are not followed, give the final url"
    text = answer.decode("utf-8", "replace")
    if text:
        reason += f": {text[:MAX_SHOWN_ANSWER]!r}{'…' if len(text) > MAX_SHOWN_ANSWER else ''}"
    return reason


def _destination(response: requests.Response) -> str:
    try:
        host = urlsplit(response.headers.get("Location", "")).hostname
    except ValueError:
        host = None
    return f" to host `{host}`" if host else ""


def retry_after_s(text: str | None, now: datetime | None = None) -> float | None:
    """Return the seconds that a ``Retry-After`` asks for (RFC 9110 10.2.3), ``None`` where it cannot be read."""
    text = (text or "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


def asked_pause_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that the headers of an answer ask for, ``None`` where they ask for none.

    Beside ``Retry-After`` these are GitHub's: with ``X-RateLimit-Remaining: 0`` nothing is answered before
    ``X-RateLimit-Reset``, in seconds since the epoch, by the clock of the service (``Date``) where that is told. A
    moment that is over, as a number of seconds would be, says nothing.
    """
    asked = retry_after_s(headers.get("Retry-After"))
    reset = (headers.get("X-RateLimit-Reset") or "").strip()
    if (
        asked is not None
        or (headers.get("X-RateLimit-Remaining") or "").strip() != "0"
        or not _SECONDS.fullmatch(reset)
    ):
        return asked
    try:
        now = parsedate_to_datetime(headers.get("Date") or "").timestamp()
    except ValueError:
        now = time.time()
    left_s = int(reset) - now
    return left_s if left_s > 0 else None


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


def _why(error: BaseException, timeout_s: float) -> str:
    """Return why there is no answer, without the URL that the libraries put into their own texts."""
    if isinstance(error, requests.ConnectTimeout):
        return f"no connection within {timeout_s:g} s"
    causes = _causes(error)
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the certificate is not valid: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return f"TLS failed: {cause.reason or type(cause).__name__}"
        if isinstance(cause, OSError) and cause.strerror:
            return f"no connection: {cause.strerror}"
    # A refused connection is a timeout to urllib3, hence this after the answers of the system.
    timeouts = (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)
    if any(isinstance(cause, timeouts) for cause in causes):
        return f"no whole answer within {timeout_s:g} s"
    if any(isinstance(cause, urllib3.exceptions.IncompleteRead) for cause in causes):
        return "the answer broke off"
    return "the connection was closed before an answer"
