"""Nodes for pipelines on clusters: in a module of their own, which workers can import."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

from nanotyped import Checkpoint, Column, NanoNode, Row, Schema, mysql_type
from nanotyped.errors import RowError
from nanotyped.node import Part, PartSize, Split
from nanotyped.types.mapping import example_of


class Number(Row):
    n: int
    g: int


class Doubled(Row):
    n: int
    g: int
    twice: int


class Numbered(Row):
    n: int
    g: int
    nth: int


class Numbers(NanoNode[object, Number]):
    """Gives the numbers from 0 to `count`, each with the number of its group of `group_rows` that follow each other.

    Args:
        skew: Whether nine tenths of the rows are in one part.
    """

    def __init__(self, count: int, *, group_rows: int = 10, skew: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.count, self.group_rows, self.skew = count, group_rows, skew

    def split(self, size: PartSize, together: Sequence[str] = ()) -> Split:
        rows = size.rows_for(self.count)
        if "g" in together:
            rows = -(-rows // self.group_rows) * self.group_rows
        whole = self.group_rows if "g" in together else 1
        cuts = [0, self.count * 9 // 10 // whole * whole] if self.skew else [0]
        cuts = [*cuts, *range(cuts[-1] + rows, self.count, rows), self.count]
        found = (Part([first, end], f"`n` up to {end}", end - first) for first, end in pairwise(cuts))
        return Split(tuple(part for part in found if part.rows), "ranges of `n`", ("g",) if "g" in together else ())

    def generator(self) -> Iterator[Any]:
        first, end = (self.resume_from or 0, self.count) if self.part is None else self.part.bounds
        for n in range(first, end):
            yield Number(n=n, g=n // self.group_rows)
            yield Checkpoint(n + 1)


class Examples(NanoNode[object, Any]):
    """Gives rows of a column of each of these types of MySQL, in parts of two rows: an example of each, then nulls."""

    def __init__(self, types: Sequence[str], parts: int, **options: Any) -> None:
        columns = (Column(f"c{place}", mysql_type(text), nullable=True) for place, text in enumerate(types))
        self.schema = Schema(columns)
        super().__init__(output_schema=self.schema, **options)
        self.types, self.parts = types, parts

    def split(self, size: PartSize, together: Sequence[str] = ()) -> Split:
        return Split(tuple(Part(place, f"part {place}") for place in range(self.parts)), "pairs")

    def generator(self) -> Iterator[Row]:
        row_class: Any = self.schema.row_class()
        for _ in range(self.parts if self.part is None else 1):
            yield row_class(*(example_of(mysql_type(text)) for text in self.types))
            yield row_class(*(None for _ in self.types))


class Messages(NanoNode[object, Any]):
    """Gives messages of no declared columns, each as it is, a part each."""

    def __init__(self, messages: Sequence[Any], **options: Any) -> None:
        super().__init__(**options)
        self.messages = messages

    def split(self, size: PartSize, together: Sequence[str] = ()) -> Split:
        return Split(tuple(Part(place, f"part {place}") for place in range(len(self.messages))), "messages")

    def generator(self) -> Iterator[Any]:
        yield from self.messages if self.part is None else [self.messages[self.part.bounds]]


class Whole(NanoNode[object, Number]):
    """Gives the numbers from 0 to `count`, and cannot be split."""

    def __init__(self, count: int, **options: Any) -> None:
        super().__init__(**options)
        self.count = count

    def generator(self) -> Iterator[Number]:
        for n in range(self.count):
            yield Number(n=n, g=0)


class Double(NanoNode[Number, Doubled]):
    """Adds twice the number."""

    stateless: ClassVar[bool] = True

    def process_item(self, row: Number) -> Iterator[Doubled]:
        yield Doubled(n=row.n, g=row.g, twice=2 * row.n)


class OnlyMultiples(NanoNode[Number, Number]):
    """Lets multiples of a number through."""

    stateless: ClassVar[bool] = True
    passes_rows_on: ClassVar[bool] = True

    def __init__(self, of: int, **options: Any) -> None:
        super().__init__(**options)
        self.of = of

    def process_item(self, row: Number) -> Iterator[Number]:
        if row.n % self.of == 0:
            yield row


class FailsAt(NanoNode[Number, Number]):
    """Fails at one row; while there is a file of this name, where there is to be one."""

    stateless: ClassVar[bool] = True
    passes_rows_on: ClassVar[bool] = True

    def __init__(self, at: int, *, while_there: str = "", **options: Any) -> None:
        super().__init__(**options)
        self.at, self.while_there = at, while_there

    def process_item(self, row: Number) -> Iterator[Number]:
        if row.n == self.at and (not self.while_there or Path(self.while_there).exists()):
            raise OverflowError(f"{row.n} is too much")
        yield row


class Rejects(NanoNode[Number, Number]):
    """Does not take each so-many-th number."""

    stateless: ClassVar[bool] = True
    passes_rows_on: ClassVar[bool] = True

    def __init__(self, each: int, **options: Any) -> None:
        super().__init__(**options)
        self.each = each

    def process_item(self, row: Number) -> Iterator[Number]:
        if row.n % self.each == 0:
            raise RowError(f"{row.n} is not wanted", column="n")
        yield row


class Total(NanoNode[Number, Numbered]):
    """Numbers the rows that it gets, over all of them, and says nothing of that."""

    def setup(self) -> None:
        self.rows = 0

    def process_item(self, row: Number) -> Iterator[Numbered]:
        self.rows += 1
        yield Numbered(n=row.n, g=row.g, nth=self.rows)


class Regroup(NanoNode[Number, Number]):
    """Puts each number into another group: the rest that it leaves."""

    stateless: ClassVar[bool] = True

    def __init__(self, groups: int, **options: Any) -> None:
        super().__init__(**options)
        self.groups = groups

    def process_item(self, row: Number) -> Iterator[Number]:
        yield Number(n=row.n, g=row.n % self.groups)


class NumberOfGroup(NanoNode[Number, Numbered]):
    """Numbers the rows of each group."""

    partition_by: Sequence[str] = ("g",)

    def setup(self) -> None:
        self.rows: Counter[int] = Counter()

    def process_item(self, row: Number) -> Iterator[Numbered]:
        self.rows[row.g] += 1
        yield Numbered(n=row.n, g=row.g, nth=self.rows[row.g])


class Append(NanoNode[object, Number]):
    """Writes the number of each row to a file that other processes write as well, a line each, and sends it on."""

    stateless: ClassVar[bool] = True
    passes_rows_on: ClassVar[bool] = True

    def __init__(self, path: str, **options: Any) -> None:
        super().__init__(**options)
        self.path = path

    def setup(self) -> None:
        self.file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def process_item(self) -> Iterator[Number]:
        os.write(self.file, b"%d\n" % self.__message__.n)
        yield self.__message__

    def cleanup(self) -> None:
        os.close(self.file)


class Kills(NanoNode[Number, Number]):
    """Kills a process, with -9, as soon as it meets a row, and so often in all.

    Args:
        at: The number of the row.
        tally: A file that gets a byte for each time.
        times: How often.
        victim: A file with the number of the process; without it, it kills its own.
    """

    stateless: ClassVar[bool] = True
    passes_rows_on: ClassVar[bool] = True

    def __init__(self, at: int, tally: str, *, times: int = 1, victim: str = "", **options: Any) -> None:
        super().__init__(**options)
        self.at, self.tally, self.times, self.victim = at, Path(tally), times, victim

    def process_item(self, row: Number) -> Iterator[Number]:
        if row.n == self.at and (not self.tally.exists() or self.tally.stat().st_size < self.times):
            with self.tally.open("ab") as file:
                file.write(b".")
            os.kill(int(Path(self.victim).read_text()) if self.victim else os.getpid(), signal.SIGKILL)
        yield row


class Unmade(NanoNode[Number, Number]):
    """Cannot be made but in one process."""

    stateless: ClassVar[bool] = True
    passes_rows_on: ClassVar[bool] = True

    def __init__(self, process: int, **options: Any) -> None:
        super().__init__(**options)
        if os.getpid() != process:
            raise LookupError("the licence is for another machine")

    def process_item(self, row: Number) -> Iterator[Number]:
        yield row
