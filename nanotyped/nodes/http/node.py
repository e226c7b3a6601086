"""``HttpNode``: what the nodes share that talk to a service over HTTP: their options, sessions, and what fails them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, SecretStr  # noqa: TC002 - files are read by the annotations of options

from nanotyped.channel import ChannelCancelled
from nanotyped.errors import PipelineStateError, shown
from nanotyped.node import NanoNode
from nanotyped.node.links import In_contra, Out_co
from nanotyped.node.running import NO_ROW_VALUES
from nanotyped.nodes.http.auth import ApiKeyAuth, Auth, Credentials, check_auth, in_the_clear
from nanotyped.nodes.http.client import Answer, ClientOfThread, ExchangeStopped, HttpClient, RetryPolicy, Terms
from nanotyped.nodes.http.deadline import check_authority
from nanotyped.nodes.http.headers import checked_headers, headers_to_send
from nanotyped.nodes.http.pacing import Circuit, CircuitBreaker, Pace, Places, RateLimit
from nanotyped.nodes.http.rules import ResponseRule, Rules

if TYPE_CHECKING:
    from nanotyped.nodes.http.url_template import UrlTemplate

DEFAULT_BREAKER = CircuitBreaker()
logger = logging.getLogger("nanotyped.nodes.http")


def check_kind(option: str, value: object, kind: type[BaseModel]) -> None:
    """Raise ``ValueError`` if an option is something else than ``None`` or a model: a mapping, which files have."""
    if value is not None and not isinstance(value, kind):
        # Of a kind that comes in several forms, each has a class of its own.
        forms = " or ".join(each.__name__ for each in kind.__subclasses__() or [kind])
        raise ValueError(f"{option} must be of class {forms}, not {shown(value)}")


class HttpNode(NanoNode[In_contra, Out_co]):
    """What the nodes share that talk to a service over HTTP. Who inherits makes ``_url`` first.

    Args:
        headers: Sent with every request; their values are never shown.
        auth: Who the node says it is, by ``type``: ``bearer`` (``token``); ``api_key`` (``key``, and ``header`` or
            ``query``, the name of its place); ``basic`` (``user``, ``password``); ``oauth2``, client credentials
            (``token_url``, ``client_id``, ``client_secret``, ``scopes``, ``client_auth``: ``basic`` or ``body``,
            ``audience``, ``parameters``), by tokens that all workers share and that are renewed in time. In Python
            a ``BearerAuth``, ``ApiKeyAuth``, ``BasicAuth`` or ``OAuth2Auth``.
        connect_timeout_s: Longest wait for a connection, in seconds.
        timeout_s: Longest wait, in seconds, for each piece of an answer.
        max_attempts: How often one request is sent at the most.
        deadline_s: Seconds for one request in all, every attempt and pause included.
        max_retry_after_s: Longest pause, in seconds, that the service may ask for; where it asks for more the run ends.
        response: What answers mean, a rule at a time, before what their status means by itself: ``action`` (success,
            ignore, retry, reject, split, fail), and of the answer ``status``, ``header`` or ``body``, with ``equals``
            or ``contains``. In Python each is a ``ResponseRule``.
        rate_limit: How much is sent at the most, over all workers: ``requests_per_s``, ``rows_per_s``, and ``burst``,
            by default what goes in a second. In Python a ``RateLimit``.
        max_in_flight: How many requests are out at the same time at the most, over all workers, and on a cluster over
            all copies of the node, of which there are no more than this; by default one for each worker.
        circuit_breaker: After ``failures`` attempts in a row that failed, nothing is sent for ``pause_s`` seconds, and
            then one request to try; null: each request is tried by itself. In Python a ``CircuitBreaker``.
        max_answer_bytes: Bytes of one answer at the most, unpacked.
        tls_ca: File of a certificate authority to trust beside those that are trusted anyway.

    Raises:
        ValueError: If an option is wrong.
    """

    _url: UrlTemplate
    _default_headers: Mapping[str, str] = {}
    # Statuses that are about what was sent: the request was understood, and another row may be taken.
    _rejected: frozenset[int] = frozenset()
    _split: frozenset[int] = frozenset()
    _needs_whole_answers = True

    def __init__(
        self,
        *,
        headers: dict[str, str | SecretStr] | None = None,
        auth: Auth | None = None,
        connect_timeout_s: float = 10.0,
        timeout_s: float = 30.0,
        max_attempts: int = 5,
        deadline_s: float = 300.0,
        max_retry_after_s: float = 60.0,
        response: Sequence[ResponseRule] = (),
        rate_limit: RateLimit | None = None,
        max_in_flight: int | None = None,
        circuit_breaker: CircuitBreaker | None = DEFAULT_BREAKER,
        max_answer_bytes: int = 64 * 1024 * 1024,
        tls_ca: str | None = None,
        **kwargs: Any,
    ) -> None:
        self._policy = RetryPolicy(timeout_s, max_attempts, deadline_s, max_retry_after_s, connect_timeout_s)
        if max_answer_bytes < 1:
            raise ValueError(f"max_answer_bytes must be at least 1, not {max_answer_bytes}")
        self._max_answer_bytes = max_answer_bytes
        self._headers = checked_headers(headers or {})
        check_auth(auth, self._headers, self._url)
        self._auth = auth
        self._tls_ca = tls_ca
        if auth is not None:
            self._headers |= auth.headers()
        for rule in response:
            check_kind("each of response", rule, ResponseRule)
        check_kind("rate_limit", rate_limit, RateLimit)
        check_kind("circuit_breaker", circuit_breaker, CircuitBreaker)
        if max_in_flight is not None and max_in_flight < 1:
            raise ValueError(f"max_in_flight must be at least 1, not {max_in_flight}")
        self._rules = Rules(tuple(response), self._rejected, self._split)
        self._rate_limit = rate_limit
        self.max_in_flight = max_in_flight
        self._breaker = circuit_breaker
        self._client: ClientOfThread | None = None
        self._counting = threading.Lock()
        super().__init__(**kwargs)

    @property
    def _query_of_auth(self) -> tuple[str, ...]:
        """The names of the parameters that ``auth`` puts into the query of each request."""
        name = self._auth.query if isinstance(self._auth, ApiKeyAuth) else None
        return () if name is None else (name,)

    @property
    def most_copies(self) -> int | None:
        """As many as there may be requests out at the same time: each copy is to have one."""
        return self.max_in_flight

    def notices(self) -> list[str]:
        """Return that others can read who the node says it is, where they can."""
        return in_the_clear(self._auth, self._url)

    def setup(self) -> None:
        """Get ready to open sessions."""
        for notice in self.notices():
            logger.warning("%s: %s", self.label, notice, extra=NO_ROW_VALUES)
        check_authority(self._tls_ca)
        terms = Terms(
            headers_to_send(self._default_headers, self._headers),
            self._policy,
            self._rules,
            None if self._rate_limit is None else Pace(self._rate_limit, copies=self.copies if self.is_copy else None),
            None if self.max_in_flight is None else Places(max(1, self.max_in_flight // self.copies)),
            None if self._breaker is None else Circuit(self._breaker),
            self._max_answer_bytes,
            self._needs_whole_answers or self._rules.read_bodies,
            self._count_retried,
            Credentials.of(self._auth),
            self._tls_ca,
        )
        self._client = ClientOfThread(partial(HttpClient, terms, self._pause))

    def cleanup(self) -> None:
        """Close the sessions."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _exchange(
        self,
        method: str,
        url: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        rows: int = 1,
    ) -> Answer:
        """Send a request and return what it is answered; arguments as of ``HttpClient.exchange``.

        Raises:
            ExchangeFailed: If it is not answered with success.
            ChannelCancelled: If the node is to end: to leave in silence is how it does not vouch for its rows.
        """
        if self._client is None:
            raise PipelineStateError("nothing can be sent before setup() and after cleanup()")
        try:
            return self._client().exchange(method, url, self._url.display, body, headers, rows=rows)
        except ExchangeStopped:
            raise ChannelCancelled from None

    def _count_retried(self, rows: int) -> None:
        with self._counting:
            self.statistics.retried += rows

    def _count_ignored(self, rows: int) -> None:
        """Count rows whose answer does not matter: of a node that others follow, the engine sees that they do not."""
        with self._counting:
            self.statistics.filtered += rows if self.is_sink or self.gathers_rows else 0

    def _pause(self, seconds: float) -> bool:
        self.sleep(seconds)
        return not self.stop_requested
