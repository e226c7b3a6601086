"""One session of requests: a request is sent once, redirects at home included, and its answer read."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import requests

from nanotyped.nodes.http.answers import MAX_REDIRECTS, Body, read_body, redirect_target
from nanotyped.nodes.http.deadline import BoundedAdapter, until

if TYPE_CHECKING:
    from nanotyped.nodes.http.client import Terms
    from nanotyped.nodes.http.tokens import Token


class Asked(NamedTuple):
    """A request; ``token`` is ``None`` where none goes with it."""

    method: str
    url: str
    body: bytes | None
    headers: Mapping[str, str]
    token: Token | None


class Session:
    """The session. Belongs to one thread.

    Args:
        terms: How the service is dealt with.
    """

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._session = _Session()
        # No proxy, no .netrc, no certificates out of the environment: what is sent where is written in the pipeline.
        self._session.trust_env = False
        for prefix in ("http://", "https://"):
            self._session.mount(prefix, BoundedAdapter(terms.tls_ca))
        # An answer of which no more than the beginning is looked at is not worth packing.
        coding = "gzip" if terms.needs_whole else "identity"
        self._session.headers.update({"Accept-Encoding": coding, **terms.headers})
        self._last: tuple[str, str, requests.PreparedRequest] | None = None

    def close(self) -> None:
        """Close every connection."""
        self._session.close()

    def send(self, asked: Asked, deadline: float) -> tuple[Asked, requests.Response, Body]:
        """Send a request, and behind an answer that leads elsewhere at home the next one; return the last of both.

        Args:
            asked: The request.
            deadline: Until when it is waited for, by ``time.monotonic``.

        Raises:
            requests.RequestException: If there is no answer; for every such reason that requests knows.
            urllib3.exceptions.HTTPError: If it breaks off, or is not packed as it says.
            TimeoutError: If it is not there in time.
        """
        with until(deadline, self._terms.credentials.query):
            response, answer = self._send(asked, deadline)
            for _ in range(MAX_REDIRECTS):
                target = self._onward(asked, response, answer)
                if target is None:
                    break
                asked = asked._replace(url=target)
                response, answer = self._send(asked, deadline)
        return asked, response, answer

    def _send(self, asked: Asked, deadline: float) -> tuple[requests.Response, Body]:
        """Send a request once, and return the answer and its body."""
        policy = self._terms.policy
        waits = [within(wait_s, deadline) for wait_s in (policy.connect_timeout_s, policy.timeout_s)]
        request = self._prepared(asked)
        response = self._session.send(request, timeout=(waits[0], waits[1]), stream=True, allow_redirects=False)
        try:
            most, needs_whole = self._terms.max_answer_bytes, self._terms.needs_whole
            return response, read_body(response, most, needs_whole=needs_whole)
        finally:
            response.close()

    def _onward(self, asked: Asked, response: requests.Response, answer: Body) -> str | None:
        """Return where a redirect leads that is followed: none of a request that sends something, or by a rule."""
        if asked.method != "GET" or not response.is_redirect:
            return None
        judged = self._terms.rules.judge(response.status_code, response.headers, answer.data)
        return redirect_target(response, asked.url) if judged == ("fail", None) else None

    def _prepared(self, asked: Asked) -> requests.PreparedRequest:
        """Return the request; for the URL of the last one, that one with another body: most of the work is the same.

        Where the service has set cookies, which may change with every answer, each request is prepared for itself.
        """
        headers = dict(asked.headers)
        if asked.token is not None:
            headers["Authorization"] = f"Bearer {asked.token.text}"
        if self._last is not None and self._last[:2] == (asked.method, asked.url) and not self._session.cookies:
            request = self._last[2]
            if asked.body is not None:
                request.prepare_body(asked.body, None)
            request.headers.update(headers)
            return request
        made = requests.Request(asked.method, asked.url, data=asked.body, headers=headers)
        request = self._session.prepare_request(made)
        self._last = None if self._session.cookies else (asked.method, asked.url, request)
        return request


def within(wait_s: float, deadline: float) -> float:
    """Return the seconds of a wait, as many as there are left."""
    return max(0.001, min(wait_s, deadline - time.monotonic()))


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Say that no answer leads elsewhere, which requests looks for unasked, and fails on places that are none."""
