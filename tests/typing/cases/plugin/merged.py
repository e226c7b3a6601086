"""What the plugin finds of merged rows: ``class Scored(Vip)``, and ``Scored.extend(row, …)``."""

from collections.abc import Iterator
from typing import Annotated, Any, Protocol, TypeVar, assert_type

from nanotyped import NanoNode, Row, column, mysql_type


class Vip(Row):
    id: Annotated[int, mysql_type("int unsigned")]
    name: Annotated[str, mysql_type("varchar(64)")]


class Scored(Vip):
    score: float
    level: Annotated[int, mysql_type("tinyint")] = 0
    order_id: Annotated[int, mysql_type("int")] = column(name="order id")


class Ordered(Row):
    number: Annotated[int, mysql_type("tinyint")] = column(name="order id")


class Short(Row):
    name: Annotated[str, mysql_type("varchar(32)")]
    note: str


class HasName(Protocol):
    @property
    def name(self) -> Annotated[str, mysql_type("varchar(32)")]: ...


class NeedsMore(HasName, Protocol):
    @property
    def name(self) -> Annotated[str, mysql_type("varchar(40)")]: ...  # E: Column "name" of NeedsMore: varchar(40) does not fit varchar(32) of `HasName`


class Wider(Vip):
    name: Annotated[str, mysql_type("varchar(65)")]  # E: Column "name" of Wider: varchar(65) does not fit varchar(64) of `Vip` (it may have 65 characters, 64 fit)


class Narrower(Vip):
    name: Annotated[str, mysql_type("varchar(9)")]


class Unlike(Vip):
    name: int  # E: Incompatible types in assignment


class Both(Vip, Short): ...  # E: Column "name" of Both: varchar(64) does not fit varchar(32) of `Short`


class Score(NanoNode[Vip, Scored]):
    def process_item(self, row: Vip) -> Iterator[Scored]:
        assert_type(Scored.extend(row, score=0.5, order_id=1), Scored)
        yield Scored.extend(row, score=0.5, level=2, order_id=1)
        yield Scored.extend(row, name="other", score=0.5, order_id=1)
        yield Scored.extend(row, score=0.5)  # E: Missing named argument "order_id" for "extend"
        yield Scored.extend(row)  # E: Missing named argument "score" for "extend"
        yield Scored.extend(row, score="x", order_id=1)  # E: Argument "score" to "extend" of "RowBase" has incompatible type "str"
        yield Scored.extend(row, scor=0.5, score=0.5, order_id=1)  # E: Unexpected keyword argument "scor"
        yield Scored.extend(score=0.5, order_id=1)  # E: Too few arguments for "extend"
        yield Vip.extend(row)  # E: Incompatible types in "yield"


class ByName(NanoNode[HasName, Short]):
    def process_item(self, row: HasName) -> Iterator[Short]:
        yield Short.extend(row, note="")
        yield Short.extend(row)  # E: Missing named argument "note"


R = TypeVar("R", bound=Vip)


def of_other_rows(row: Vip, ordered: Ordered, anything: Any, plain: Row, more: dict[str, Any], some: R) -> None:
    Vip.extend(row, id=3)
    Vip.extend(Narrower.extend(row, name="x"))
    Vip.extend(some)
    Vip.extend(anything)
    Vip.extend(plain)
    Vip.extend(plain, id="3")  # E: Argument "id" to "extend" of "RowBase" has incompatible type "str"
    Scored.extend(row, **more)
    Scored.extend(ordered, id=1, name="x", score=0.5)
    Short.extend(row, name=row.name[:32], note="")
    Short.extend(row, note="")  # E: `Vip` cannot be extended to `Short`: column "name": varchar(64) does not fit varchar(32) (it may have 64 characters, 32 fit)
    Narrower.extend(row)  # E: `Vip` cannot be extended to `Narrower`: column "name"
    assert_type(Row.extend(row, note="x"), Row)
    assert_type(row.extend(row), Vip)
