"""What the plugin finds at links of nodes that declare their schemas in attributes, and of chains that are written out."""

from collections.abc import Iterator
from typing import Annotated, Any, Protocol, assert_type

from nanotyped import DECIMAL, INTEGER, STRING, Column, Filter, NanoNode, ReadRows, Row, Schema, mysql_type, pipeline
from nanotyped.row import parse_schema

COLUMNS = {"name": "varchar(32)"}


class Vip(Row):
    id: Annotated[int, mysql_type("int unsigned")]
    name: Annotated[str, mysql_type("varchar(64)")]


class Score(Row):
    score: float


class Short(Row):
    name: Annotated[str, mysql_type("varchar(32)")]


class HasName(Protocol):
    @property
    def name(self) -> str: ...


class NeedsBoth(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def score(self) -> float: ...


class Vips(NanoNode[object, Vip]):
    def generator(self) -> Iterator[Vip]:
        yield Vip(id=1, name="x")


class Given(NanoNode[object, Any]):
    output_schema = {"id": INTEGER, "name": "varchar(64) null", "total": DECIMAL.of(precision=9, scale=2)}

    def generator(self) -> Iterator[Any]:
        yield {"id": 1}


class Through(NanoNode[Any, Any]):
    output_schema = {"score": "double"}


class Alone(Through):
    retain_input = False


class Narrow(NanoNode[Any, Any]):
    input_schema = {"name": "varchar(32)"}


class Alias(NanoNode[Any, Any]):
    input_schema = COLUMNS


class Made(NanoNode[Any, Any]):
    input_schema = Schema([Column("name", mysql_type("varchar(32)")), Column("id", INTEGER, nullable=True)])


class Parsed(NanoNode[Any, Any]):
    input_schema = parse_schema({"id": INTEGER.nullable(), "nmae": STRING})


class ByRow(NanoNode[Any, Any]):
    input_schema = Short


class ByItsSchema(NanoNode[Any, Any]):
    input_schema = Short.schema


class OfTheClass(NanoNode[Vip, Any]):
    input_schema = None


class Again(Narrow):
    input_schema = {"name": "varchar(64)"}


class Inherits(Narrow): ...


class Computed(NanoNode[Any, Any]):
    input_schema = dict(name="varchar(32)")


class Misspelt(NanoNode[Any, Any]):
    input_schema = {"name": "varhcar(32)"}  # E: Column "name" of Misspelt.input_schema


class ByMethod(Narrow):
    def needed_input(self) -> Schema | None:
        return None


class SetLater(Narrow):
    def setup(self) -> None:
        self.input_schema = {"name": "varchar(99)"}


class Keeps(NanoNode[Vip, Score]): ...


class Drops(Keeps):
    retain_input = False


class OfProtocol(NanoNode[HasName, Score]): ...


class Both(NanoNode[NeedsBoth, Vip]): ...


class BothByName(NanoNode[Any, Any]):
    input_schema = {"name": "varchar(64)", "score": "double"}


vips, given, narrow, both, keeps = Vips(), Given(), Narrow(), Both(), Keeps()

vips > Again()
vips > Computed()
vips > ByMethod()
vips > SetLater()
vips > OfTheClass()
vips > keeps > BothByName()
vips > Through() > BothByName()
given > OfTheClass()  # E: Given > OfTheClass: `Given.output_schema` does not fit `Vip`: column "id": integer does not fit int unsigned
ReadRows(path="a.csv", output_schema={"id": "int"}) > narrow
vips >> Filter(test="key_exists", key="name") >> Again()

vips > narrow  # E: Vips > Narrow: `Vip` does not fit `Narrow.input_schema`: column "name": varchar(64) does not fit varchar(32) (it may have 64 characters, 32 fit)
vips > Alias()  # E: `Vip` does not fit `Alias.input_schema`: column "name"
vips > Made()  # E: `Vip` does not fit `Made.input_schema`: column "name": varchar(64) does not fit varchar(32)
vips > Parsed()  # E: `Vip` does not fit `Parsed.input_schema`: column "nmae" is missing, string is needed (did you mean `name`?)
vips > ByRow()  # E: `Vip` does not fit `ByRow.input_schema`: column "name": varchar(64)
vips > ByItsSchema()  # E: `Vip` does not fit `ByItsSchema.input_schema`: column "name": varchar(64)
vips > Inherits()  # E: Vips > Inherits: `Vip` does not fit `Narrow.input_schema`: column "name": varchar(64)
given > narrow  # E: Given > Narrow: `Given.output_schema` does not fit `Narrow.input_schema`: column "name": varchar(64) does not fit varchar(32)
given > both  # E: `Given.output_schema` does not fit `NeedsBoth`
vips > Alone() > BothByName()  # E: Alone > BothByName: `Through.output_schema` does not fit `BothByName.input_schema`: column "name" is missing
vips > Drops() > BothByName()  # E: Drops > BothByName: `Score` does not fit `BothByName.input_schema`: column "name" is missing
pipeline(vips, narrow)  # E: Vips > Narrow: `Vip` does not fit `Narrow.input_schema`
vips.add_edge(narrow)  # E: Vips > Narrow: `Vip` does not fit `Narrow.input_schema`
vips >> narrow >> narrow  # E: Vips > Narrow: `Vip` does not fit `Narrow.input_schema`

vips >> Filter(test="key_exists", key="name") >> narrow  # E: Filter > Narrow: `Vip` does not fit `Narrow.input_schema`
vips >> Again() >> given >> narrow  # E: Given > Narrow: `Given.output_schema` does not fit
(vips, given) >> narrow  # E: Given > Narrow: `Given.output_schema` does not fit
vips > (Again() >> Again())
vips > (narrow >> Again())  # E: Vips > Narrow: `Vip` does not fit
vips.add_edge(narrow >> Again())  # E: Vips > Narrow: `Vip` does not fit
pipeline(vips >> Again(), given >> Again(), vips >> Filter(test="key_exists", key="name"), narrow)  # E: Filter > Narrow: `Vip` does not fit
(vips >> keeps, vips) > Again()
(vips >> Again() >> given) > narrow  # E: Given > Narrow: `Given.output_schema` does not fit
vips > given > (narrow >> Again())  # E: Given > Narrow: `Given.output_schema` does not fit
chain = vips >> given
chain > narrow
chain >> Again() >> given >> Again()  # E: Given > Again: `Given.output_schema` does not fit

keeps > both  # E: Keeps > Both: `Score` does not fit `NeedsBoth`: column "name" is missing, string is needed (the columns are `score`); the rows keep "name" of `Vip` in a run: declare `class Score(Vip)` to promise it
OfProtocol() > both  # E: the rows keep "name" of `HasName` in a run: declare "name" in `Score` too to promise it
vips >> keeps >> both  # E: Keeps > Both: `Score` does not fit `NeedsBoth`: column "name" is missing, string is needed (the columns are `score`); the rows keep "name" of `Vip`
