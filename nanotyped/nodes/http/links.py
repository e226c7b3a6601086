"""The header ``Link`` (RFC 8288 3): which of its links leads to the next page."""

from __future__ import annotations

import re

_TARGET = re.compile(r"[ \t,]*<([^>]*)>")
_PARAMETER = re.compile(r'(?:[ \t]*;)+[ \t]*([^ \t=;,"<>]+)(?:[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^ \t;,"]*)))?')
_BETWEEN = re.compile(r"[ \t]*(?:;[ \t]*)*(?:,|$)")
_ESCAPED = re.compile(r"\\(.)")


def next_link(header: str) -> str | None:
    """Return the target of the first link whose relation is ``next``, as it stands there; ``None`` without one.

    Raises:
        ValueError: If the header is none, so that a link might be overlooked.
    """
    place = 0
    while header[place:].strip(" \t,"):
        target = _TARGET.match(header, place)
        if target is None:
            raise ValueError(f"a link is spelled <URL>, which is not so at position {place}")
        place = target.end()
        given: dict[str, str] = {}
        while found := _PARAMETER.match(header, place):
            place = found.end()
            quoted, plain = found[2], found[3]
            value = _ESCAPED.sub(r"\1", quoted) if quoted is not None else plain or ""
            given.setdefault(found[1].lower(), value)  # of a relation that is given twice the first counts
        between = _BETWEEN.match(header, place)
        if between is None:
            raise ValueError(f"a parameter is spelled ; name=value, which is not so at position {place}")
        place = between.end()
        if "next" in given.get("rel", "").lower().split() and "anchor" not in given:
            return target[1].strip()
    return None
