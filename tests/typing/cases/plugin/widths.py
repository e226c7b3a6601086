"""What the plugin finds at links, out of ``Annotated``, by the code that judges them before a run."""

from decimal import Decimal
from typing import Annotated, Optional, Protocol, assert_type

from nanotyped import (
    DECIMAL,
    INTEGER,
    MYSQL_INTEGER8,
    STRING,
    Filter,
    Flow,
    Link,
    NanoNode,
    Row,
    column,
    mysql_type,
    pipeline,
)

Name64 = Annotated[str, mysql_type("varchar(64)")]


class Vip(Row):
    id: Annotated[int, mysql_type("bigint unsigned")]
    name: Name64
    balance: Annotated[Decimal, DECIMAL.of(precision=12, scale=2)]
    tier: Annotated[str, mysql_type("enum('gold','silver')")]
    city: Annotated[str, mysql_type("varchar(9) character set utf8mb4")]
    note: Annotated[str, mysql_type("varchar(9)")] | None
    age: "Annotated[int, MYSQL_INTEGER8]"
    order_id: Annotated[int, mysql_type("int")] = column(name="order id", key=True)


class Gold(Vip):
    level: int


class Plain(Row):
    name: str


class NeedsName(Protocol):
    @property
    def name(self) -> str: ...


class NeedsLevel(Protocol):
    @property
    def level(self) -> int: ...


class Needs32(Protocol):
    @property
    def name(self) -> Annotated[str, mysql_type("varchar(32)")]: ...


class Needs64(Protocol):
    @property
    def name(self) -> Name64: ...


class NeedsSigned(Protocol):
    @property
    def id(self) -> Annotated[int, mysql_type("bigint")]: ...


class NeedsPrecision(Protocol):
    @property
    def balance(self) -> Annotated[Decimal, DECIMAL.of(precision=8, scale=2)]: ...


class NeedsScale(Protocol):
    @property
    def balance(self) -> Annotated[Decimal, mysql_type("decimal(12,1)")]: ...


class NeedsGold(Protocol):
    @property
    def tier(self) -> Annotated[str, mysql_type("enum('gold')")]: ...


class NeedsLatin(Protocol):
    @property
    def city(self) -> Annotated[str, mysql_type("varchar(9) character set latin1")]: ...


class NeedsNote(Protocol):
    @property
    def note(self) -> Annotated[str, mysql_type("varchar(9)")]: ...


class NeedsEmail(NeedsName, Protocol):
    @property
    def nmae(self) -> str: ...


class NeedsTwo(NeedsSigned, Needs32, Protocol): ...


class Wide(Protocol):
    @property
    def balance(self) -> Annotated[Decimal, DECIMAL.of(precision=14, scale=3)]: ...
    @property
    def tier(self) -> Annotated[str, mysql_type("enum('bronze','gold','silver')")]: ...
    @property
    def note(self) -> Optional[Annotated[str, STRING]]: ...
    @property
    def age(self) -> Annotated[int, INTEGER.of(bits=32, unsigned=False)]: ...


class Source(NanoNode[object, Vip]): ...


class Golds(NanoNode[object, Gold]): ...


class Plains(NanoNode[object, Plain]): ...


class Level(NanoNode[NeedsLevel, Gold]): ...


class Any64(NanoNode[Needs64, Vip]): ...


class Named(NanoNode[NeedsName, Plain]): ...


class Narrow(NanoNode[Needs32, Vip]): ...


class Signed(NanoNode[NeedsSigned, Vip]): ...


class Precise(NanoNode[NeedsPrecision, Vip]): ...


class Scaled(NanoNode[NeedsScale, Vip]): ...


class OnlyGold(NanoNode[NeedsGold, Vip]): ...


class Latin(NanoNode[NeedsLatin, Vip]): ...


class Noted(NanoNode[NeedsNote, Vip]): ...


class Mail(NanoNode[NeedsEmail, Vip]): ...


class Two(NanoNode[NeedsTwo, Vip]): ...


class Wider(NanoNode[Wide, Vip]): ...


source, golds, plains, narrow, named, any64 = Source(), Golds(), Plains(), Narrow(), Named(), Any64()

assert_type(source > any64, Link)
assert_type(source > named, Link)
assert_type(source >> any64 >> named, Flow[object, Plain])
assert_type(source >> Filter(test="key_exists", key="name") >> any64, Flow[object, Vip])
assert_type(pipeline(source, any64, named), Flow[object, Plain])
source > Wider()
source > (any64, named)
(source, golds) > any64
(source, golds) >> any64
source.add_edge(any64)
source > any64 > named
plains > named
pipeline(golds, Filter[Vip](test="key_exists", key="name"), Level())

source > narrow  # E: Source > Narrow: `Vip` does not fit `Needs32`: column "name": varchar(64) does not fit varchar(32)
source >> narrow  # E: Source > Narrow: `Vip` does not fit `Needs32`: column "name": varchar(64)
source.add_edge(narrow)  # E: Source > Narrow: `Vip` does not fit `Needs32`
pipeline(source, any64, narrow)  # E: Any64 > Narrow: `Vip` does not fit `Needs32`
source > any64 > narrow  # E: Any64 > Narrow: `Vip` does not fit `Needs32`
source >> any64 >> narrow  # E: Any64 > Narrow: `Vip` does not fit `Needs32`
source > (any64, narrow)  # E: Source > Narrow: `Vip` does not fit `Needs32`
(source, golds) > narrow  # E: Golds > Narrow: `Gold` does not fit `Needs32`
(source, golds) >> narrow  # E: Source > Narrow: `Vip` does not fit `Needs32`
source >> Filter(test="key_exists", key="name") >> narrow  # E: Filter > Narrow: `Vip` does not fit `Needs32`
pipeline(source, Filter[Vip](test="key_exists", key="name"), Level())  # E: Filter > Level: `Vip` does not fit `NeedsLevel`: column "level" is missing
pipeline(plains, Filter[Vip](test="key_exists", key="name"), named)  # E: Plains > Filter: `Plain` does not fit `Vip`
golds > narrow  # E: Golds > Narrow: `Gold` does not fit `Needs32`
plains > narrow  # E: column "name": string does not fit varchar(32)
plains > any64  # E: `Plain` does not fit `Needs64`
source > Signed()  # E: column "id": bigint unsigned does not fit bigint
source > Precise()  # E: column "balance": decimal(12,2) does not fit decimal(8,2)
source > Scaled()  # E: column "balance": decimal(12,2) does not fit decimal(12,1)
source > OnlyGold()  # E: column "tier": enum('gold','silver') does not fit enum('gold') (`silver` is no member)
source > Latin()  # E: column "city": varchar(9) character set utf8mb4 does not fit varchar(9) character set latin1
source > Noted()  # E: column "note": varchar(9) null does not fit varchar(9) (it may be null)
source > Mail()  # E: column "nmae" is missing
source > Two()  # E: column "id": bigint unsigned does not fit bigint
plains > Signed()  # E: column "id" is missing
