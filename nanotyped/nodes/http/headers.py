"""Headers that a pipeline gives to its requests: checked before the run, their values hidden."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pydantic import SecretStr

from nanotyped.errors import shown

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# What says where a request ends, and to whom it goes, is the client's business alone.
_OWN_HEADERS = frozenset({"connection", "content-length", "host", "transfer-encoding"})


def check_header_name(name: str) -> None:
    """Raise ``ValueError`` if a header cannot be called so, or is not a pipeline's to give (RFC 9110 5.1)."""
    if not _HEADER_NAME.fullmatch(name):
        raise ValueError(f"{shown(name)} is no name of a header")
    if name.lower() in _OWN_HEADERS:
        raise ValueError(f"`{name}` is made by the client and cannot be given")


def checked_headers(headers: Mapping[str, str | SecretStr]) -> dict[str, SecretStr]:
    """Return the headers with their values hidden.

    Raises:
        ValueError: If one cannot be sent. No message holds a value.
    """
    found: dict[str, SecretStr] = {}
    for name, value in headers.items():
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        try:
            check_header_name(name)
        except ValueError as error:
            raise ValueError(f"headers: {error}") from None
        if any(sign in text for sign in "\r\n\0") or text != text.strip():
            raise ValueError(f"headers: the value of `{name}` holds a line end or a NUL, or a blank at an end")
        if not text.isascii():
            raise ValueError(f"headers: the value of `{name}` holds letters beyond ASCII")
        found[name] = SecretStr(text)
    return found


def headers_to_send(defaults: Mapping[str, str], given: Mapping[str, SecretStr]) -> dict[str, str]:
    """Return the given headers in plain text, and those defaults in whose place none is given, in any case."""
    names = {name.lower() for name in given}
    plain = {name: value.get_secret_value() for name, value in given.items()}
    return {name: value for name, value in defaults.items() if name.lower() not in names} | plain
