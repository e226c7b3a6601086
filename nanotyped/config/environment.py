"""``${NAME}`` in the options of a file: values from the environment, which no message may show."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from nanotyped.config.codes import Code
from nanotyped.errors import ConfigProblem, nearest_hint

if TYPE_CHECKING:
    from nanotyped.config.yaml_reader import Document, Path, Value

# `$${` is a literal `${`; a `$` before anything else is text.
_REFERENCE = re.compile(r"\$\$\{|\$\{(?P<name>[^}]*)(?P<end>\}?)")
_BARE_REFERENCE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Substitution:
    """Puts the values of variables in place of ``${NAME}`` and remembers where.

    Args:
        document: The file, for the places.
        variables: The environment.

    Attributes:
        used: The variables that were put in, with their values.
        touched: The names of the variables in each text that was changed.
        problems: Every reference that could not be followed.
    """

    def __init__(self, document: Document, variables: Mapping[str, str]) -> None:
        self._document = document
        self._variables = variables
        self.used: dict[str, str] = {}
        self.touched: dict[Path, tuple[str, ...]] = {}
        self.problems: list[ConfigProblem] = []

    def expand(self, value: Value, path: Path) -> Value:
        """Return ``value`` with every text in it expanded; keys stay as they are."""
        if isinstance(value, dict):
            return {key: self.expand(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.expand(item, (*path, index)) for index, item in enumerate(value)]
        return self._expand_text(value, path) if isinstance(value, str) else value

    def _expand_text(self, text: str, path: Path) -> str:
        def put(found: re.Match[str]) -> str:
            if found["name"] is None:
                return "${"
            reason = self._refusal(found)
            if reason:
                fragment = found[0]
                spot = self._document.spot_within(path, fragment, occurrence=text.count(fragment, 0, found.start()))
                self.problems.append(self._document.problem(spot, reason, Code.ENVIRONMENT))
                self._document.unread.add(path)
                return ""
            name = found["name"]
            self.used[name] = self._variables[name]
            self.touched[path] = (*self.touched.get(path, ()), name)
            return self._variables[name]

        return _REFERENCE.sub(put, text)

    def bare_hint(self, value: Value) -> str:
        """Return ``did you mean `${NAME}`?`` for the first ``$NAME`` in a value that looks like a variable, else ""."""
        if isinstance(value, dict | list):
            items = value.values() if isinstance(value, dict) else value
            return next(filter(None, map(self.bare_hint, items)), "")
        for name in _BARE_REFERENCE.findall(value) if isinstance(value, str) else ():
            if name in self._variables or name.isupper():
                return f"did you mean `${{{name}}}` for `${name}`?"
        return ""

    def _refusal(self, found: re.Match[str]) -> str:
        name = found["name"]
        if not found["end"]:
            return "`${` is not closed; write `$${` for a literal one"
        if not _NAME.fullmatch(name):
            return f"`{found[0]}` names no variable; write `$${{` for a literal `${{`"
        if name not in self._variables:
            hint = nearest_hint(name, list(self._variables))
            return f"the environment variable `{name}` is not set" + (f"; {hint}" if hint else "")
        if any("\ud800" <= character <= "\udfff" for character in self._variables[name]):
            return f"the environment variable `{name}` holds bytes that are no UTF-8"
        return ""


def split_references(text: str) -> list[tuple[str, bool]]:
    """Return a text as its parts: what stands there, and the names of variables, which are marked ``True``."""
    parts: list[tuple[str, bool]] = []
    end = 0
    for found in _REFERENCE.finditer(text):
        literal = text[end : found.start()] + ("${" if found["name"] is None else "")
        parts.append((literal, False))
        if found["name"] is not None:
            parts.append((found["name"], True))
        end = found.end()
    return [part for part in [*parts, (text[end:], False)] if part[0]]
