"""Rows out to an HTTP API and in from one: ``HttpPostRequest``, ``HttpGetRequest``, its paginator, ``StreamHttp``.

``node`` holds what all of them share, ``client`` the one layer that tries again, over a ``session``; ``rules`` what
answers mean, ``answers`` how they are read, ``pacing`` how fast it goes, ``auth`` and ``tokens`` who asks.

Out: ``post`` has the options, ``sending`` what is done with a batch, ``bodies`` what is sent, ``items`` and
``responses`` what is answered, ``openapi`` what a service wants. In: ``get``, ``paginators``, ``stream`` are the nodes,
``paging`` how APIs page, ``walking`` the way from page to page, ``records`` what stands on one.
"""

from nanotyped.nodes.http.auth import ApiKeyAuth, BasicAuth, BearerAuth, OAuth2Auth
from nanotyped.nodes.http.get import HttpGetRequest
from nanotyped.nodes.http.idempotency import IdempotencyKey
from nanotyped.nodes.http.items import ItemResults
from nanotyped.nodes.http.pacing import CircuitBreaker, RateLimit
from nanotyped.nodes.http.paginators import HttpGetRequestPaginator, PaginatedHttpGetRequest
from nanotyped.nodes.http.paging import (
    CursorPages,
    HeaderLinkPages,
    JsonLinkPages,
    NumberedPages,
    OffsetPages,
    SinglePage,
)
from nanotyped.nodes.http.post import HttpPostRequest
from nanotyped.nodes.http.rules import ResponseRule
from nanotyped.nodes.http.stream import StreamHttp

__all__ = [
    "ApiKeyAuth",
    "BasicAuth",
    "BearerAuth",
    "CircuitBreaker",
    "CursorPages",
    "HeaderLinkPages",
    "HttpGetRequest",
    "HttpGetRequestPaginator",
    "HttpPostRequest",
    "IdempotencyKey",
    "ItemResults",
    "JsonLinkPages",
    "NumberedPages",
    "OAuth2Auth",
    "OffsetPages",
    "PaginatedHttpGetRequest",
    "RateLimit",
    "ResponseRule",
    "SinglePage",
    "StreamHttp",
]
