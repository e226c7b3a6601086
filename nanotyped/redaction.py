"""Secrets that stand in text of others, and how they are taken out of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, quote_plus, unquote

SHORTEST_SECRET = 4
_URL_PASSWORD = re.compile(r"[\w+.-]+://[^:/@]*:(.*)@", re.DOTALL)


class Redactor:
    """Takes secrets out of text that others wrote: messages of drivers, of constructors, of servers."""

    def __init__(self) -> None:
        self._replacements: dict[str, str] = {}

    def hide_variables(self, used: Mapping[str, str]) -> None:
        """Show ``${NAME}`` instead of the values of these variables."""
        for name, value in used.items():
            self._hide(value, f"${{{name}}}")

    def hide(self, values: Iterable[str]) -> None:
        """Show stars instead of these values."""
        for value in values:
            self._hide(value, "*****")

    def _hide(self, value: str, replacement: str) -> None:
        for form in _spellings(value):
            self._replacements.setdefault(form, replacement)
        # A server is sent the password of a URL by itself, and may repeat it.
        if password := _URL_PASSWORD.match(value):
            for form in {*_spellings(password[1]), *_spellings(unquote(password[1]))}:
                self._replacements.setdefault(form, "*****")

    def redact(self, text: str, shortest: int = SHORTEST_SECRET) -> str:
        """Return ``text`` without the secrets, in one pass, the longest first.

        Args:
            text: The text.
            shortest: Values of fewer characters are left alone. Below four characters a value is looked for as a
                word of its own: an `a` is in every message.
        """
        forms = sorted((form for form in self._replacements if len(form) >= max(shortest, 1)), key=len, reverse=True)
        if not forms:
            return text
        return re.sub("|".join(map(_pattern, forms)), lambda found: self._replacements[found[0]], text)


def _spellings(value: str) -> set[str]:
    """Return a text as it is, as Python and JSON quote it, and as a URL holds it."""
    quoted = {quote(value), quote(value, safe=""), quote_plus(value)}
    lower = {re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), form) for form in quoted}
    texts = {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    return {value, repr(value)[1:-1], *texts, *(text.replace("/", "\\/") for text in texts), *quoted, *lower}


def _pattern(form: str) -> str:
    escaped = re.escape(form)
    return escaped if len(form) >= SHORTEST_SECRET else rf"(?<!\w){escaped}(?!\w)"
