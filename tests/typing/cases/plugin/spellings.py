"""What the plugin finds where types of columns are spelled by ``import *`` and ``type X = …``."""

from typing import *

from nanotyped.types import *
from tests.typing.cases.plugin.aliases import *

type Local = Annotated[int, mysql_type("int unsigned")]


class Vip(Row):
    id: Local
    name: Name
    code: Code
    note: Note
    city: City
    age: Annotated[int, INTEGER.of(bits=64, unsigned=False)]


class NeedsId(Protocol):
    @property
    def id(self) -> Annotated[int, mysql_type("int")]: ...


class NeedsCode(Protocol):
    @property
    def code(self) -> Annotated[str, mysql_type("char(8)")]: ...


class NeedsNote(Protocol):
    @property
    def note(self) -> Optional[Annotated[str, mysql_type("varchar(49)")]]: ...


class NeedsCity(Protocol):
    @property
    def city(self) -> Annotated[str, mysql_type("varchar(39)")]: ...


class NeedsAge(Protocol):
    @property
    def age(self) -> Annotated[int, mysql_type("tinyint unsigned")]: ...


class Vips(NanoNode[object, Vip]): ...


class ByName(NanoNode[Any, Any]):
    input_schema = Columns


class ById(NanoNode[NeedsId, Vip]): ...


class ByCode(NanoNode[NeedsCode, Vip]): ...


class ByNote(NanoNode[NeedsNote, Vip]): ...


class ByCity(NanoNode[NeedsCity, Vip]): ...


class ByAge(NanoNode[NeedsAge, Vip]): ...


class Same(NanoNode[Vip, Vip]): ...


vips = Vips()
vips > Same() > Same()
vips > ByName()  # E: column "name": varchar(64) does not fit varchar(32)
vips > ById()  # E: column "id": int unsigned does not fit int
vips > ByCode()  # E: column "code": char(9) does not fit char(8)
vips > ByNote()  # E: column "note": varchar(50) does not fit varchar(49)
vips > ByCity()  # E: column "city": varchar(40) does not fit varchar(39)
vips > ByAge()  # E: column "age": 
