"""YAML text -> values, with the place of each of them, and every mistake that the text alone shows.

PyYAML scans and parses; its constructors are not used. What is read is the part of YAML that means one thing to
everybody: mappings with text for keys, lists, strict scalars (``scalars.py``). Anchors, aliases, tags, merge keys, keys
given twice and a second document are refused, each at its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import yaml
from yaml.reader import ReaderError

from nanotyped.config.codes import Code
from nanotyped.config.scalars import parse_scalar
from nanotyped.errors import ConfigProblem, nearest_hint

if TYPE_CHECKING:
    from yaml._yaml import Mark as CMark

MAX_DEPTH = 32
# Beyond this the rest of the file is not looked at: the parser's time grows with the square of the depth.
HOPELESS_DEPTH = 256
# A `,` in a flow collection, where a text that holds one was meant: `{total: decimal(12,2)}`.
COMMA_HINT = "in `{}` and `[]` a `,` ends a text: put quotes around one that holds a comma"
MAX_SIZE_BYTES = 1024 * 1024

Path: TypeAlias = "tuple[str | int, ...]"
Value: TypeAlias = "dict[str, Value] | list[Value] | str | int | float | bool | None"


class Spot(NamedTuple):
    """A place in a file: line and column, both from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where one value stands.

    Attributes:
        start: Its first character.
        key: The first character of its key; of itself in a list.
        source: Its text as it stands in the file, with quotes; ``""`` for a list or a mapping.
    """

    start: Spot
    key: Spot
    source: str = ""


@dataclass(slots=True)
class Document:
    """What a file holds.

    Attributes:
        file: Path as it was given.
        value: The values; ``None`` also where a value could not be read.
        places: Where each value stands, by the keys and positions that lead to it.
        problems: Every mistake of the text itself, in the order of the file.
        unread: The paths of values that could not be read, so that nothing is made of their absence.
    """

    file: str
    value: Value = None
    places: dict[Path, Place] = field(default_factory=dict)
    problems: list[ConfigProblem] = field(default_factory=list)
    unread: set[Path] = field(default_factory=set)

    def problem(self, spot: Spot, reason: str, code: Code = Code.WRONG_VALUE) -> ConfigProblem:
        """Return a problem of this file."""
        return ConfigProblem(self.file, spot.line, spot.column, reason, code)

    def at(self, path: Path) -> Any:
        """Return the value at a path."""
        value: Any = self.value
        for step in path:
            value = value[step]
        return value

    def value_spot(self, path: Path) -> Spot:
        """Return where a value stands; of one that is missing, where what should hold it does."""
        return self._place(path).start if path in self.places else self._place(path).key

    def key_spot(self, path: Path) -> Spot:
        """Return where the key of a value stands; of one that is missing, the key of what should hold it."""
        return self._place(path).key

    def spot_within(self, path: Path, fragment: str, *, occurrence: int = 0, offset: int = 0) -> Spot:
        """Return where ``fragment`` stands for the n-th time in a text; where escapes hide it, where the text does.

        Args:
            path: The text.
            fragment: A part of it.
            occurrence: How often ``fragment`` stands before the place that is meant.
            offset: Which character of ``fragment`` is meant.
        """
        place = self._place(path)
        index = -1
        for _ in range(occurrence + 1):
            index = place.source.find(fragment, index + 1)
            if index < 0:
                return place.start
        before = re.split(r"\r\n|[\n\r\x85\u2028\u2029]", place.source[: index + offset])
        column = len(before[-1]) + (place.start.column if len(before) == 1 else 1)
        return Spot(place.start.line + len(before) - 1, column)

    def is_unread(self, path: Path) -> bool:
        """Whether a value, or one that it is a part of, could not be read."""
        return any(path[:length] in self.unread for length in range(len(path) + 1))

    def _place(self, path: Path) -> Place:
        while path and path not in self.places:
            path = path[:-1]
        # A mapping out of Python has no places: then the whole is meant.
        return self.places.get(path, Place(Spot(0, 0), Spot(0, 0)))


def parse_yaml(text: str, file: str) -> Document:
    """Return what YAML text holds; raises nothing, the mistakes are in ``problems``.

    Args:
        text: The text.
        file: Path for the messages.
    """
    document = Document(file)
    try:
        _Reader(text, document).read()
    except yaml.MarkedYAMLError as error:
        document.problems.append(_syntax_problem(error, document, text))
        document.unread.add(())
    except _HopelessDepthError:
        document.unread.add(())
    except ReaderError as error:
        before = text[: error.position].split("\n")
        reason = f"the character U+{ord(text[error.position]):04X} cannot stand in YAML; escape it in double quotes"
        document.problems.append(document.problem(Spot(len(before), len(before[-1]) + 1), reason, Code.YAML))
        document.unread.add(())
    document.problems.sort(key=lambda problem: (problem.line, problem.column))
    return document


def _spot(mark: yaml.Mark | CMark | None) -> Spot:
    return Spot(mark.line + 1, mark.column + 1) if mark is not None else Spot(1, 1)


class _HopelessDepthError(Exception):
    """The text goes so deep that the rest of it is not looked at; what is wrong was reported where it began."""


class _Reader:
    """Builds the values of one document from the parser's events."""

    def __init__(self, text: str, document: Document) -> None:
        self.text = text
        self.document = document
        self.events: Iterator[yaml.Event] = iter(yaml.parse(text, Loader=yaml.SafeLoader))

    def read(self) -> None:
        next(self.events)  # the start of the stream
        if isinstance(next(self.events), yaml.StreamEndEvent):
            self._report(Spot(1, 1), "the file is empty", ())
            return
        first = next(self.events)
        self.document.value = self._value(first, (), _spot(first.start_mark), 1)
        next(self.events)  # the end of the document
        second = next(self.events)
        if not isinstance(second, yaml.StreamEndEvent):
            self._report(_spot(second.start_mark), "a second document begins here; a file holds one", None)
            for _ in self.events:  # to its end, for the errors that are there
                pass

    def _value(self, event: yaml.Event, path: Path, key: Spot, depth: int) -> Value:
        start = _spot(event.start_mark)
        self.document.places[path] = Place(start, key, self._source(event))
        if not isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
            self._report(start, f"an alias (`*{getattr(event, 'anchor', '')}`); write the value out", path)
            return None
        if event.anchor is not None:
            self._report(start, f"an anchor (`&{event.anchor}`); it is of no use, for aliases are not read", None)
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            self._report(start, f"a tag (`{tag}`); types come from the options of the node", path)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, path)
        if depth > MAX_DEPTH:
            self._report(start, f"nested more than {MAX_DEPTH} deep", path)
            self._skip()
            return None
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(path, depth)
        return self._mapping(path, depth)

    def _source(self, event: yaml.Event) -> str:
        if not isinstance(event, yaml.ScalarEvent) or event.start_mark is None or event.end_mark is None:
            return ""
        return self.text[event.start_mark.index : event.end_mark.index]

    def _scalar(self, event: yaml.ScalarEvent, path: Path) -> Value:
        if any("\ud800" <= character <= "\udfff" for character in event.value):
            self._report(_spot(event.start_mark), "half of a surrogate pair, which is no character", path)
            return None
        if not event.implicit[0]:  # quoted, or a block
            return event.value
        try:
            return parse_scalar(event.value)
        except ValueError as error:
            self._report(_spot(event.start_mark), str(error), path)
            return None

    def _list(self, path: Path, depth: int) -> Value:
        items: list[Value] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self._value(event, (*path, len(items)), _spot(event.start_mark), depth + 1))
        return items

    def _mapping(self, path: Path, depth: int) -> Value:
        found: dict[str, Value] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self._key(event, path)
            spot = _spot(event.start_mark)
            if key is None or key in found:
                if key is not None:
                    first = self.document.places[*path, key].key
                    self._report(spot, f"`{key}` is given twice; first on line {first.line}", None, Code.TWICE)
                self._pass(next(self.events))
            else:
                found[key] = self._value(next(self.events), (*path, key), spot, depth + 1)
        return found

    def _key(self, event: yaml.Event, path: Path) -> str | None:
        """Return the text of a key, as it is written; ``None`` after a report."""
        spot = _spot(event.start_mark)
        if not isinstance(event, yaml.ScalarEvent):
            self._pass(event)
            self._report(spot, "a key is text, and neither a list, a mapping nor an alias", path)
            return None
        if event.anchor is not None or event.tag is not None:
            self._report(spot, "a key has neither an anchor nor a tag", None)
        plain = event.style is None
        if plain and event.value == "<<":
            self._report(spot, "a merge key (`<<`); write the keys out", path)
            return None
        if plain and not event.value:
            self._report(spot, "a key is missing before this `:`", path)
            return None
        return event.value

    def _pass(self, event: yaml.Event) -> None:
        """Read past the value that begins with ``event``."""
        if isinstance(event, yaml.CollectionStartEvent):
            self._skip()

    def _skip(self) -> None:
        """Read to the end of the list or mapping that has begun."""
        depth = 1
        while depth:
            event = next(self.events)
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > HOPELESS_DEPTH:
                raise _HopelessDepthError

    def _report(self, spot: Spot, reason: str, unread: Path | None, code: Code = Code.YAML) -> None:
        self.document.problems.append(self.document.problem(spot, reason, code))
        if unread is not None:
            self.document.unread.add(unread)


# -- errors of syntax ----------------------------------------------------------------

_SYNTAX: Mapping[str, str] = {
    r"found character '\\t' that cannot start any token": "a tab; YAML indents with blanks",
    r"found character '(?P<found>.)' that cannot start any token": "text that begins with `{found}` needs quotes",
    r"mapping values are not allowed here": "a `:` is out of place; text that holds one needs quotes",
    r"expected '?<block end>'?, but found .*": "this does not fit what stands above; look at the indentation",
    r"expected ',' or '(?P<end>.)', but got '<stream end>'": "no `{end}` closes what begins here",
    r"expected ',' or '(?P<end>.)', but got .*": "expected `,` or `{end}`",
    r"found unexpected end of stream": "no quote closes the text that begins here",
    r"found unknown escape character (?P<found>.*)": "unknown escape {found} in double quotes",
}


def _syntax_problem(error: yaml.MarkedYAMLError, document: Document, text: str) -> ConfigProblem:
    mark = error.problem_mark
    if mark is not None and mark.index >= len(text) and error.context_mark is not None:
        mark = error.context_mark  # what is not closed is worth more than the end of the file
    if mark is not None and text[mark.index - 1 : mark.index + 1] == "${":
        return document.problem(
            Spot(mark.line + 1, mark.column), "`${…}` inside of `{}` or `[]` needs quotes", Code.YAML
        )
    problem = error.problem or ""
    for pattern, reason in _SYNTAX.items():
        found = re.fullmatch(pattern, problem)
        if found:
            told = reason.format(**found.groupdict())
            if told.startswith("expected `,`") and mark is not None and _is_in_parentheses(text, mark.index):
                told += f"; {COMMA_HINT}"
            return document.problem(_spot(mark), told, Code.YAML)
    told = f"no YAML: {problem}" + (f" {error.context}" if error.context else "")
    return document.problem(_spot(mark), told, Code.YAML)


def _is_in_parentheses(text: str, index: int) -> bool:
    """Return whether a parenthesis is open before a place in a line."""
    before = text[text.rfind("\n", 0, index) + 1 : index]
    return before.count("(") > before.count(")")


# -- files -----------------------------------------------------------------------------


def load_yaml(path: str) -> Document:
    """Return what a YAML file holds; raises nothing, a file that cannot be read is a problem too."""
    document = Document(path)
    reason = ""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - keeps the path as it was given
            data = file.read(MAX_SIZE_BYTES + 1)
        if len(data) > MAX_SIZE_BYTES:
            reason = f"larger than {MAX_SIZE_BYTES // 1024} KiB, the most that a configuration may have"
        else:
            return parse_yaml(data.decode("utf-8-sig"), path)
    except FileNotFoundError:
        hint = nearest_hint(FilePath(path).name, _names_beside(path))
        reason = "no such file" + (f"; {hint}" if hint else "")
    except IsADirectoryError:
        reason = "a directory, and no file"
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("utf-8").split("\n")
        spot = Spot(len(before), len(before[-1]) + 1)
        byte = error.object[error.start]
        document.problems.append(document.problem(spot, f"the byte {byte:#04x} is no UTF-8", Code.YAML))
    except (OSError, ValueError) as error:
        reason = f"cannot be read: {getattr(error, 'strerror', None) or error}"
    if reason:
        document.problems.append(ConfigProblem(path, 0, 0, reason, Code.FILE))
    document.unread.add(())
    return document


def _names_beside(path: str) -> list[str]:
    try:
        return [entry.name for entry in FilePath(path).parent.iterdir()]
    except OSError:
        return []
