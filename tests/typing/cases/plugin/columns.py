"""What the plugin finds of columns: ``row["name"]``, and types that there are not."""

from collections.abc import Iterator
from typing import Annotated, assert_type

from nanotyped import STRING, DataType, NanoNode, Row, column, mysql_type
from nanotyped.types import DECIMAL, MYSQL_INTEGER, MYSQL_VARCHAR_BASE


class Order(Row):
    id: Annotated[int, mysql_type("int unsigned")]
    name: Annotated[str, STRING]
    total: Annotated[float, mysql_type("duoble")]  # E: Column "total" of Order
    code: Annotated[str, mysql_type("varchar(9)")]
    order_id: int = column(name="order id")


class Price(Order):
    price: Annotated[object, DECIMAL.of(precision=9, scale=2)]


class Total(NanoNode[Price, Order]):
    def process_item(self, row: Price) -> Iterator[Order]:
        assert_type(row["name"], STRING)
        assert_type(row["price"], DECIMAL)
        row["order id"]
        assert_type(row["id"], MYSQL_INTEGER)
        assert_type(row["code"], MYSQL_VARCHAR_BASE)
        name = "id"
        assert_type(row[name], DataType)
        row["nmae"]  # E: Price has no column "nmae"
        row["order_id"]  # E: Price has no column "order_id"
        yield row


def of_any_row(row: Row) -> None:
    assert_type(row["anything"], DataType)


def inside_of_a_function() -> None:
    class Local(Row):
        id: Annotated[int, mysql_type("bigint unsigned")]

    class Signed(Row):
        id: Annotated[int, mysql_type("bigint")]

    Local(id=1)["di"]  # E: Local has no column "di"
