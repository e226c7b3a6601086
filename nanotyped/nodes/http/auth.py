"""Who a node says it is: the option ``auth`` of all nodes that talk to a service over HTTP."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Self, TypeAlias
from urllib.parse import quote, quote_plus, urlencode

import msgspec
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from nanotyped.nodes.http.headers import check_header_name
from nanotyped.nodes.http.tokens import Token, TokenStore
from nanotyped.nodes.http.url_template import UrlTemplate
from nanotyped.redaction import Redactor

# RFC 6749 appendix A.4 and A.12: a scope, and an access token.
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
_TOKEN = re.compile(r"[\x21-\x7e]+")
_OWN_PARAMETERS = frozenset({"grant_type", "scope", "client_id", "client_secret", "audience"})
# What says how an answer comes, or what is sent, is no place for a key.
_TAKEN_HEADERS = frozenset({"accept", "accept-encoding", "content-encoding", "content-type", "cookie"})


def _type_is_needed(schema: dict[str, Any]) -> None:
    schema["required"] = ["type", *schema.get("required", ())]


class _Auth(BaseModel):
    # No message of pydantic shows what it was given: it is secret.
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, hide_input_in_errors=True, json_schema_extra=_type_is_needed
    )

    def model_post_init(self, _context: Any) -> None:
        """Take note of the type as given: in a file it must be, and Python has it by the class."""
        self.model_fields_set.add("type")

    def headers(self) -> dict[str, SecretStr]:
        """Return the headers of every request."""
        return {}

    def in_query(self) -> str:
        """Return what every request has in its query, percent-encoded; ``""``: nothing."""
        return ""

    def header_names(self) -> list[str]:
        """Return the names of the headers that nobody else may give."""
        return list(self.headers())

    def secrets(self) -> list[str]:
        """Return all that no message may show."""
        return [value.get_secret_value() for value in self.headers().values()]


class BearerAuth(_Auth):
    """A token that does not change (RFC 6750).

    Args:
        type: ``bearer``.
        token: The token, without ``Bearer`` before it.
    """

    type: Literal["bearer"] = "bearer"
    token: SecretStr

    @field_validator("token")
    @classmethod
    def _check_token(cls, token: SecretStr) -> SecretStr:
        if not _TOKEN.fullmatch(token.get_secret_value()):
            raise ValueError("token is empty, or holds a blank, a line end or letters beyond ASCII")
        return token

    def headers(self) -> dict[str, SecretStr]:
        """Return ``Authorization``."""
        return {"Authorization": SecretStr(f"Bearer {self.token.get_secret_value()}")}

    def secrets(self) -> list[str]:
        """Return the token."""
        return [self.token.get_secret_value()]


class ApiKeyAuth(_Auth):
    """A key in a header, or in the query.

    Args:
        type: ``api_key``.
        key: The key.
        header: Name of the header that holds it.
        query: Name of the parameter that holds it; one of both is needed. URLs are written into logs of servers and of
            what stands before them, so a header is the better place.
    """

    type: Literal["api_key"] = "api_key"
    key: SecretStr
    header: str | None = None
    query: str | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _check_whole(self) -> Self:
        key = self.key.get_secret_value()
        if (self.header is None) is (self.query is None):
            raise ValueError("a key stands in one place: give header or query")
        if not key:
            raise ValueError("key is empty")
        if self.header is not None:
            check_header_name(self.header)
            if self.header.lower() in _TAKEN_HEADERS:
                raise ValueError(f"`{self.header}` is no header for a key")
            if not (key.isascii() and key.isprintable() and key == key.strip()):
                raise ValueError("key holds a line end, a blank at an end, or letters beyond ASCII: no header takes it")
        return self

    def headers(self) -> dict[str, SecretStr]:
        """Return the header, where that is the place."""
        return {} if self.header is None else {self.header: self.key}

    def in_query(self) -> str:
        """Return the parameter, where that is the place."""
        if self.query is None:
            return ""
        return f"{quote(self.query, safe='')}={quote(self.key.get_secret_value(), safe='')}"

    def secrets(self) -> list[str]:
        """Return the key."""
        return [self.key.get_secret_value()]


class BasicAuth(_Auth):
    """A user and a password (RFC 7617), in UTF-8.

    Args:
        type: ``basic``.
        user: Its name, or the key that a service takes in that place; hidden like the password.
        password: By default empty.
    """

    type: Literal["basic"] = "basic"
    user: SecretStr
    password: SecretStr = SecretStr("")

    @model_validator(mode="after")
    def _check_whole(self) -> Self:
        user, password = self._pair()
        if ":" in user:
            raise ValueError("user holds a colon, which ends the name on its way")
        if not (user + password).isprintable():
            raise ValueError("user or password holds a line end or another control character")
        return self

    def _pair(self) -> tuple[str, str]:
        return self.user.get_secret_value(), self.password.get_secret_value()

    def headers(self) -> dict[str, SecretStr]:
        """Return ``Authorization``."""
        return {"Authorization": SecretStr(_basic(*self._pair()))}

    def secrets(self) -> list[str]:
        """Return both, and how they are sent."""
        return [*self._pair(), _basic(*self._pair()).removeprefix("Basic ")]


class OAuth2Auth(_Auth):
    """Access tokens by the client credentials of OAuth 2.0 (RFC 6749 4.4).

    A token is asked for when the first request needs it, serves all workers of a node, and is asked for anew shortly
    before its time ends, and once for a request that is answered with 401.

    Args:
        type: ``oauth2``.
        token_url: Where tokens are; ``https``, unless the host is this machine.
        client_id: Who asks.
        client_secret: What proves it.
        scopes: What the token is to allow; by default what the service thinks fit.
        client_auth: How the client says who it is: ``basic``, in a header (RFC 6749 2.3.1), or ``body``.
        audience: For which service the token is to be, where the authority asks for that.
        parameters: More parameters of the request for a token.
    """

    type: Literal["oauth2"] = "oauth2"
    token_url: str
    client_id: str = Field(min_length=1)
    client_secret: SecretStr
    scopes: Sequence[str] = ()
    client_auth: Literal["basic", "body"] = "basic"
    audience: str | None = Field(default=None, min_length=1)
    parameters: Mapping[str, SecretStr] = Field(default_factory=dict)

    @field_validator("token_url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        try:
            template = UrlTemplate(url)
        except ValueError as error:
            raise ValueError(f"token_{error}") from None
        if template.columns:
            raise ValueError("token_url: no row fills a placeholder of it")
        if template.is_in_the_clear:
            raise ValueError("token_url: it must start with https://, or everybody on the way has the client_secret")
        return url

    @field_validator("scopes")
    @classmethod
    def _check_scopes(cls, scopes: Sequence[str]) -> Sequence[str]:
        for scope in scopes:
            if not _SCOPE.fullmatch(scope):
                raise ValueError(
                    f"scopes: {scope!r} is no scope: it is empty, or holds a blank, a quote or a backslash"
                )
        return scopes

    @field_validator("parameters")
    @classmethod
    def _check_parameters(cls, given: Mapping[str, SecretStr]) -> Mapping[str, SecretStr]:
        for name in given:
            if name in _OWN_PARAMETERS:
                raise ValueError(f"parameters: `{name}` is no parameter to give here; it has an option or is made")
        return given

    def header_names(self) -> list[str]:
        """Return the header of the token."""
        return ["Authorization"]

    def secrets(self) -> list[str]:
        """Return what proves who the client is; of tokens the client knows."""
        secret = self.client_secret.get_secret_value()
        more = [value.get_secret_value() for value in self.parameters.values()]
        return [secret, self._basic().removeprefix("Basic "), *more]

    @property
    def place(self) -> str:
        """Where tokens are, as messages show it."""
        return UrlTemplate(self.token_url).display

    def token_headers(self) -> dict[str, str]:
        """Return the headers of the request for a token."""
        found = {
            "Accept": "application/json",
            "Content-Type": "application/x-www-form-urlencoded",
            "User-Agent": "nanotyped",
        }
        return found | ({"Authorization": self._basic()} if self.client_auth == "basic" else {})

    def token_body(self) -> bytes:
        """Return the body of the request for a token."""
        form = {"grant_type": "client_credentials"}
        if self.scopes:
            form["scope"] = " ".join(self.scopes)
        if self.audience is not None:
            form["audience"] = self.audience
        form |= {name: value.get_secret_value() for name, value in self.parameters.items()}
        if self.client_auth == "body":
            form |= {"client_id": self.client_id, "client_secret": self.client_secret.get_secret_value()}
        return urlencode(form).encode()

    def _basic(self) -> str:
        # RFC 6749 2.3.1: each is encoded as in a form first, so that a colon is no end.
        return _basic(quote_plus(self.client_id), quote_plus(self.client_secret.get_secret_value()))


Auth: TypeAlias = Annotated[BearerAuth | ApiKeyAuth | BasicAuth | OAuth2Auth, Field(discriminator="type")]
"""What the option ``auth`` takes."""


def check_auth(auth: object, given: Mapping[str, object], template: UrlTemplate) -> None:
    """Raise ``ValueError`` if it is none, or if a header or the URL says something else than ``auth``."""
    if auth is None:
        return
    if not isinstance(auth, _Auth):
        raise ValueError("auth must be a BearerAuth, an ApiKeyAuth, a BasicAuth or an OAuth2Auth")  # noqa: TRY004 - as all wrong options
    names = {name.lower(): name for name in given}
    for name in auth.header_names():
        if name.lower() in names:
            raise ValueError(f"headers: `{names[name.lower()]}` is what auth makes; give one of both")
    if isinstance(auth, ApiKeyAuth) and auth.query in template.parameters:
        raise ValueError(f"url: `{auth.query}` is what auth puts into the query; give one of both")


def in_the_clear(auth: Auth | None, template: UrlTemplate) -> list[str]:
    """Return that everybody on the way sees what proves who the node is, where that is so."""
    if auth is None or not template.is_in_the_clear:
        return []
    return [f"`{auth.type}` credentials go to {template.display} without TLS: whoever is on the way can read them"]


@dataclass(frozen=True, slots=True)
class Credentials:
    """What requests carry to say who sends them; one for all threads of a node.

    Attributes:
        query: What stands in the query of each.
        secrets: What no message may show.
        oauth2: Where tokens come from; ``None`` without any.
        tokens: The token in use.
    """

    query: str = ""
    secrets: Sequence[str] = ()
    oauth2: OAuth2Auth | None = None
    tokens: TokenStore = field(default_factory=TokenStore)

    @classmethod
    def of(cls, auth: Auth | None) -> Self:
        """Return those of an option."""
        if auth is None:
            return cls()
        return cls(auth.in_query(), auth.secrets(), auth if isinstance(auth, OAuth2Auth) else None)

    def redact(self, text: str, token: str | None = None) -> str:
        """Return a text without what is secret in it, the token too."""
        redactor = Redactor()
        redactor.hide([*self.secrets, *([] if token is None else [token])])
        return redactor.redact(text, shortest=1)


def token_of(answer: bytes, asked_at: float) -> Token:
    """Return the token out of an answer (RFC 6749 5.1), whose time begins when it was asked for.

    Raises:
        ValueError: If there is none, or none that can be sent. The message does not show what there is.
    """
    try:
        found = msgspec.json.decode(answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError("the answer is no JSON") from None
    text = found.get("access_token", "") if isinstance(found, dict) else ""
    if not (isinstance(text, str) and _TOKEN.fullmatch(text)):
        raise ValueError("the answer has no `access_token`, or one that no header takes")
    kind = found.get("token_type", "bearer")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise ValueError(f"the token is of type {str(kind)[:20]!r}, and only `bearer` is known")
    lasts_s = _seconds(found.get("expires_in"))
    return Token(text, None if lasts_s is None else asked_at + lasts_s, asked_at)


def token_error(answer: bytes) -> str:
    """Return what an answer says of why there is no token (RFC 6749 5.2), and nothing else of it."""
    try:
        found = msgspec.json.decode(answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # a page for people
        return ""
    told = [found.get(name) for name in ("error", "error_description")] if isinstance(found, dict) else []
    return ": ".join(text for text in told if isinstance(text, str) and text)


def _seconds(given: object) -> float | None:
    """Return for how long a token is good; ``None`` where the answer does not say it in a number above 0."""
    if isinstance(given, str) and given.isascii() and given.isdecimal():
        given = int(given[:12])  # some services quote it
    if isinstance(given, bool) or not isinstance(given, int | float):
        return None
    return min(float(given), 1e9) if given > 0 else None


def _basic(user: str, password: str) -> str:
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"
