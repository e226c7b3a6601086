"""Requests over HTTP: attempts, waits between them, and an error that says what the service said.

Nothing here tells a URL's query, a header's value, or a body that was sent: they may hold secrets.
"""

from __future__ import annotations

import logging
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

import requests
import urllib3

from nanotyped.nodes.http.answers import (
    Body,
    content_coding,
    is_unpacked,
    is_untrusted,
    reason_of,
    text_of,
    why_no_answer,
)
from nanotyped.nodes.http.auth import Credentials, token_error, token_of
from nanotyped.nodes.http.rules import Rules
from nanotyped.nodes.http.session import Asked, Session, within

if TYPE_CHECKING:
    from nanotyped.nodes.http.auth import OAuth2Auth
    from nanotyped.nodes.http.pacing import Circuit, Pace, Places
    from nanotyped.nodes.http.rules import Action
    from nanotyped.nodes.http.tokens import Token

MAX_ANSWER_BYTES = 1024 * 1024
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
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
        timeout_s: Of each wait for bytes of the answer.
        max_attempts: Requests at the most.
        deadline_s: Seconds in all, waits included.
        max_retry_after_s: Longest wait that a service may ask for; one that asks for more is not tried again.
        connect_timeout_s: Of one connection.
    """

    timeout_s: float = 30.0
    max_attempts: int = 5
    deadline_s: float = 300.0
    max_retry_after_s: float = 60.0
    connect_timeout_s: float = 10.0

    def __post_init__(self) -> None:
        """Raise ``ValueError`` if a number makes no sense."""
        for name in ("timeout_s", "deadline_s", "connect_timeout_s"):
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
        places: Keeps the number of requests that are out at the same time; ``None``: any number.
        circuit: Holds all back while nothing gets through; ``None``: each request is tried for itself.
        max_answer_bytes: Bytes of an answer that are read at the most.
        needs_whole: Whether a longer answer is a failure, and a packed one is unpacked; else what is beyond is not
            looked at.
        retried: Told of each attempt that is another one, with the number of its rows.
        credentials: What says who sends them.
        tls_ca: File of a certificate authority to trust beside the usual ones.
        tell: What messages say of the body of an answer that is no success.
    """

    headers: Mapping[str, str]
    policy: RetryPolicy
    rules: Rules
    pace: Pace | None = None
    places: Places | None = None
    circuit: Circuit | None = None
    max_answer_bytes: int = MAX_ANSWER_BYTES
    needs_whole: bool = False
    retried: Callable[[int], None] | None = None
    credentials: Credentials = field(default_factory=Credentials)
    tls_ca: str | None = None
    tell: Callable[[bytes], str] = text_of


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
        self._session = Session(terms)

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
        deadline: float | None = None,
    ) -> Answer:
        """Send a request until it is answered with success; every attempt is the same request.

        An answer of 401 to a token counts for nothing the first time: the token may have ended before its time, and
        the request is sent with another one.

        Args:
            method: Of HTTP.
            url: Where to.
            place: The URL as messages show it.
            body: What is sent; ``None``: nothing.
            headers: Of this request, beside those of the session; each request of a session has the same ones.
            rows: How many rows it is for.
            deadline: Until when, by ``time.monotonic``; by default ``deadline_s`` from now.

        Raises:
            ExchangeFailed: If it is not, or not in time.
            ExchangeStopped: If the node is to end.
        """
        attempt, renewed = 0, False
        while True:
            # The place comes first: what has waited for the rate goes at once, or more would go than it allows.
            with self._place():
                deadline = self._wait_for_turn(rows, deadline)
                token = self._token(deadline, attempt)
                attempt += 1
                outcome = self._attempt(Asked(method, url, body, headers or {}, token), deadline)
            if self._terms.circuit is not None:
                self._terms.circuit.tell(place, failed=outcome.is_outage)
            if outcome.action in ("success", "ignore"):
                assert outcome.status is not None  # there was an answer
                return Answer(outcome.status, outcome.body, outcome.headers, outcome.action == "ignore")
            if token is not None and outcome.status == HTTPStatus.UNAUTHORIZED:
                self._terms.credentials.tokens.drop(token)
                if not renewed:
                    renewed = True
                    logger.warning("%s: attempt %d: %s; the next with a new token", place, attempt, outcome.reason)
                    self._tell_retried(rows)
                    continue
                outcome = replace(outcome, reason=f"{outcome.reason}; the token was a new one")
            reason, wait_s = self._next_attempt(attempt - renewed, outcome, deadline)
            if wait_s is None:
                raise ExchangeFailed(reason, outcome.status, attempt, outcome.action)
            logger.warning("%s: attempt %d: %s; the next in %.1f s", place, attempt, outcome.reason, wait_s)
            self._tell_retried(rows)
            if not self._pause(wait_s):
                raise ExchangeStopped

    def _tell_retried(self, rows: int) -> None:
        if self._terms.retried is not None:
            self._terms.retried(rows)

    def _token(self, deadline: float, attempts: int) -> Token | None:
        """Return the token that requests carry, asked for if need be; ``None`` where they carry none.

        Raises:
            ExchangeFailed: If there is none to be had.
            ExchangeStopped: If the node is to end.
        """
        oauth2, tokens = self._terms.credentials.oauth2, self._terms.credentials.tokens
        if oauth2 is None:
            return None
        try:
            return tokens.get(lambda: self._ask_for_token(oauth2, deadline), deadline)
        except TimeoutError:
            failed = ExchangeFailed(f"no answer before the deadline of {self._policy.deadline_s:g} s", None, 0)
        except ExchangeFailed as error:
            failed = error
        # Whoever asked: it is the request of this thread that fails, and no fault of what it would have sent.
        reason = f"no token from {oauth2.place}" + (f", {failed}" if failed.attempts else f": {failed.reason}")
        raise ExchangeFailed(reason, failed.status, attempts) from None

    def _ask_for_token(self, oauth2: OAuth2Auth, deadline: float) -> Token:
        """Ask for a token as for anything else: bounded, tried again, interrupted; but not at the pace of the API."""
        terms = Terms(
            oauth2.token_headers(),
            self._policy,
            Rules(),
            needs_whole=True,
            credentials=Credentials(secrets=self._terms.credentials.secrets),
            tls_ca=self._terms.tls_ca,
            tell=token_error,
        )
        client = HttpClient(terms, self._pause)
        asked_at = time.monotonic()
        try:
            answer = client.exchange("POST", oauth2.token_url, oauth2.place, oauth2.token_body(), deadline=deadline)
        finally:
            client.close()
        try:
            return token_of(answer.body, asked_at)
        except ValueError as error:
            raise ExchangeFailed(str(error), answer.status, 0) from None

    @contextmanager
    def _place(self) -> Iterator[None]:
        """Wait for a place, where there are so many, and have it.

        Raises:
            ExchangeStopped: If the node is to end.
        """
        if self._terms.places is None:
            yield
            return
        with self._terms.places.taken(self._pause) as is_taken:
            if not is_taken:
                raise ExchangeStopped
            yield

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

    def _attempt(self, asked: Asked, deadline: float) -> _Outcome:
        timeout_s = within(self._policy.timeout_s, deadline)
        try:
            asked, response, answer = self._session.send(asked, deadline)
        except requests.exceptions.SSLError as error:
            reason = why_no_answer(error, self._policy, timeout_s)
            return _Outcome("fail" if is_untrusted(error) else "retry", reason)
        except (requests.ConnectionError, requests.Timeout, urllib3.exceptions.HTTPError, TimeoutError) as error:
            if time.monotonic() >= deadline:
                return _Outcome("fail", f"no whole answer before the deadline of {self._policy.deadline_s:g} s")
            return _Outcome("retry", why_no_answer(error, self._policy, timeout_s))
        except requests.exceptions.InvalidHeader:  # those of requests are checked, so it is one of the answer
            return _Outcome("retry", "the headers of the answer contradict each other")
        except requests.RequestException as error:
            return _Outcome("fail", f"the request cannot be made: {type(error).__name__}")
        return self._judge(asked, response, answer)

    def _judge(self, asked: Asked, response: requests.Response, answer: Body) -> _Outcome:
        status, headers, most = response.status_code, response.headers, self._terms.max_answer_bytes
        action, message = self._terms.rules.judge(status, headers, answer.data)
        if action not in ("success", "ignore"):
            reason = self._reason(asked, response, answer.data) if message is None else f"{status}: {message}"
            return _Outcome(action, reason, status, asked_pause_s(headers))
        coding = content_coding(response)
        if self._terms.needs_whole and not is_unpacked(response):
            return _Outcome("fail", f"the answer is packed ({coding[:20]!r}), which was not asked for", status)
        if not answer.is_whole:
            return _Outcome("fail", f"the answer is longer than {most:,} bytes{' unpacked' * bool(coding)}", status)
        return _Outcome(action, "", status, body=answer.data, headers=headers)

    def _reason(self, asked: Asked, response: requests.Response, answer: bytes) -> str:
        token = None if asked.token is None else asked.token.text
        text = self._terms.credentials.redact(self._terms.tell(answer), token)
        return reason_of(response, text, asked.url, is_get=asked.method == "GET")


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
