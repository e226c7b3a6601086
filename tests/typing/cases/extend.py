"""What plain typing finds of merged rows, in mypy and pyright alike."""

from collections.abc import Iterator
from typing import Protocol, assert_type

from nanotyped import NanoNode, Row


class Vip(Row):
    id: int
    name: str


class Scored(Vip):
    score: float


class Score(Row):
    score: float


class NeedsBoth(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def score(self) -> float: ...


class Vips(NanoNode[object, Vip]): ...


class Merges(NanoNode[Vip, Scored]):
    def process_item(self, row: Vip) -> Iterator[Scored]:
        assert_type(Scored.extend(row, score=0.5), Scored)
        assert_type(Row.extend(row, score=0.5), Row)
        yield Scored.extend(row, score=0.5)
        yield Scored.extend(row, id=3, score=0.5)
        yield Vip.extend(row)  # E: Incompatible types in "yield"
        yield Scored.extend()  # E: for "extend"
        yield Scored.extend(row, 0.5)  # E: Too many
        Scored.extend(row, score=0.5).scor  # E: has no attribute "scor"


class Adds(NanoNode[Vip, Score]): ...


class Both(NanoNode[NeedsBoth, Scored]): ...


vips, merges, adds, both = Vips(), Merges(), Adds(), Both()
vips > merges > both
vips > adds > both  # E: Unsupported operand types for > ("Adds" and "Both")
vips > both  # E: Unsupported operand types for > ("Vips" and "Both")
