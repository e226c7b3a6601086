"""Texts changed by regular expressions that take no more time than the text is long: ``SubstituteRegex``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import re2

from nanotyped.errors import RowError, WrongOptionsError, shown
from nanotyped.node import NanoNode
from nanotyped.registry import register_node
from nanotyped.row import Column, Schema
from nanotyped.row.compiled import copy_document
from nanotyped.row.keypaths import Keypath, reach
from nanotyped.row.schema import BARE_VALUE
from nanotyped.types.intermediate import JSON, JSON_NULL, NULL, STRING

_REFERENCE = re.compile(r"\\(?:(?P<number>[0-9]{1,2})|g<(?P<name>\w+)>|(?P<letter>.?))", re.DOTALL)
_LETTERS = {"\\": "\\", "n": "\n", "r": "\r", "t": "\t"}


@register_node
class SubstituteRegex(NanoNode[object, Any]):
    r"""Replaces every match of a regular expression in a text.

    The expressions are those of RE2, which takes a time that grows with the text and no faster: they have no
    look-around and no references back inside of the expression. Null stays null. What is no text is an error of its
    row.

    Needs: a text at ``key``. Gives: the text, under ``output_key``; by default in the place of the old one.

    Args:
        match_regex: The expression.
        substitute_string: What stands in the place of a match: ``\1`` or ``\g<name>`` is what a group of it matched,
            nothing where the group took no part; ``\\`` is a backslash, ``\n``, ``\r`` and ``\t`` are what they are
            anywhere.

    Raises:
        WrongOptionsError: If the expression is none, or the substitute refers to a group that is not there.
    """

    stateless = True

    def __init__(self, *, match_regex: str, substitute_string: str, **kwargs: Any) -> None:
        self.match_regex = match_regex
        self.substitute_string = substitute_string
        options = re2.Options()
        options.log_errors = False  # they are raised
        try:
            self._regex = re2.compile(match_regex, options)
        except re2.error as error:
            reason = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
            raise WrongOptionsError([f"match_regex: `{match_regex}` is no expression of RE2: {reason}"]) from None
        self._replace = _replacement(substitute_string, self._regex)
        super().__init__(**kwargs)
        key = self.sight.key
        if key is not None and not key.steps and self.sending.output_key is None:
            self.sending = replace(self.sending, output_key=key.column)

    def own_output_for(self, seen: Schema | None) -> Schema | None:
        """Return that it is a text, and null where what is seen may be."""
        declared = super().own_output()
        if declared is not None:
            return declared
        inner = self._inner()
        if inner is not None:
            return Schema([Column(inner.column, JSON, nullable=True)])
        nullable = seen is None or seen.names != (BARE_VALUE,) or seen[BARE_VALUE].nullable
        return Schema([Column(BARE_VALUE, STRING, nullable=nullable)])

    def own_output(self) -> Schema | None:
        """Return that it is a text, or null."""
        return self.own_output_for(None)

    def process_item(self) -> Iterator[Any]:
        """Yield the new text."""
        message = self.__message__
        if message is None or message is JSON_NULL:
            new: Any = NULL(None)
        elif isinstance(message, str):
            new = self._substitute(message)
        else:
            raise RowError(f"text is wanted, got {shown(message)}; key says where in the message it is")
        inner = self._inner()
        yield new if inner is None else self._in_place(inner, new)

    def _substitute(self, text: str) -> str:
        pieces, end, last = [], 0, None
        for match in self._regex.finditer(text):
            span = match.span()
            if span == last:  # the end of the text, which an empty match is found at twice (google-re2 1.1)
                continue
            pieces += [text[end : span[0]], self._replace(match)]
            last, end = span, span[1]
        return "".join([*pieces, text[end:]])

    def _inner(self) -> Keypath | None:
        """Return where inside of a document the text goes; ``None`` where it is a column of its own, or bare."""
        key = self.sight.key
        return key if key is not None and key.steps and self.sending.output_key is None else None

    def _in_place(self, inner: Keypath, new: Any) -> dict[str, Any]:
        document = copy_document(self.message.to_python()[inner.column])
        *way, last = inner.steps
        reach(document, way)[last] = None if isinstance(new, NULL) else new
        return {inner.column: document}


def _replacement(template: str, regex: Any) -> Callable[[Any], str]:
    """Return what makes the substitute of a match.

    Raises:
        WrongOptionsError: With everything that is wrong with the template.
    """
    parts: list[str | int] = []
    problems = []
    end = 0
    for found in _REFERENCE.finditer(template):
        parts.append(template[end : found.start()])
        end = found.end()
        name, letter = found["name"], found["letter"]
        if letter is not None and letter in _LETTERS:
            parts.append(_LETTERS[letter])
            continue
        group = regex.groupindex.get(name) if name and not name.isdecimal() else int(found["number"] or name or -1)
        if letter is not None or group is None or not 0 <= group <= regex.groups:
            what = "means nothing" if letter is not None else "is no group of the expression"
            problems.append(f"substitute_string: `{found[0]}` {what}; a backslash itself is written twice")
            continue
        parts.append(group)
    if problems:
        raise WrongOptionsError(problems)
    parts.append(template[end:])
    return lambda match: "".join(part if isinstance(part, str) else match[part] or "" for part in parts)
