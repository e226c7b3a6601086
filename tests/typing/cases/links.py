from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any, Protocol, assert_type

from nanotyped import Filter, Flow, Link, NanoNode, Row, StreamTable, mysql_type, pipeline


class Customer(Row):
    id: Annotated[int, mysql_type("int unsigned")]
    email: Annotated[str, mysql_type("varchar(255)")]
    note: str | None


class Vip(Customer):
    level: int


class Invoice(Row):
    number: int
    total: Decimal


class HasEmail(Protocol):
    @property
    def email(self) -> str: ...


class HasNote(Protocol):
    @property
    def note(self) -> str: ...


class Customers(NanoNode[object, Customer]):
    def generator(self) -> Iterator[Customer]:
        yield Customer(id=1, email="a@b.c", note=None)
        yield Customer(id="1", email="a@b.c", note=None)  # E: incompatible type "str"
        yield Customer(id=1, email="a@b.c")  # E: Missing named argument "note"
        yield Customer(id=1, email="a@b.c", note=None, age=3)  # E: Unexpected keyword argument "age"
        yield Invoice(number=1, total=Decimal(1))  # E: Incompatible types in "yield"


class Vips(NanoNode[object, Vip]): ...


class Bill(NanoNode[Customer, Invoice]):
    def process_item(self, row: Customer) -> Iterator[Invoice]:
        assert_type(row.id, int)
        assert_type(row.note, str | None)
        row.emial  # E: has no attribute "emial"
        row.id.upper()  # E: "int" has no attribute "upper"
        row.id = 3  # E: read-only
        yield Invoice(number=row.id, total=Decimal(1))


class BillByMessage(NanoNode[Customer, Invoice]):
    def process_item(self) -> Iterator[Invoice]:
        yield Invoice(number=self.__message__.id, total=Decimal(1))


class Wrong(NanoNode[Customer, Invoice]):
    def process_item(self, row: Customer) -> Iterator[Customer]:  # E: incompatible with supertype
        yield row


class Mail(NanoNode[HasEmail, Invoice]):
    def process_item(self, row: HasEmail) -> None:
        row.email.upper()


class Note(NanoNode[HasNote, Invoice]): ...


class Store(NanoNode[Invoice, Invoice]):
    def process_item(self, row: Invoice) -> None: ...


customers, vips, bill, mail, note, store = Customers(), Vips(), Bill(), Mail(), Note(), Store()
table = StreamTable(url="sqlite://", table="t")

assert_type(customers > bill, Link)
vips > bill
vips > mail
table > bill
customers > bill > store
customers > (bill, mail)
(customers, vips) > bill
customers.add_edge(bill, max_queue_size=5)
assert_type(customers >> bill >> store, Flow[object, Invoice])
assert_type(pipeline(customers, bill, store), Flow[object, Invoice])
assert_type(customers >> Filter(test="key_exists", key="email"), Flow[object, Customer])
customers > Filter(test="key_exists", key="email") > bill

customers > store  # E: Unsupported operand types for >
customers > bill > bill  # E: Unsupported operand types for >
customers > (bill, store)  # E: Unsupported operand types for >
(customers, bill) > store  # E: Unsupported operand types for >
customers > note  # E: Unsupported operand types for >
customers >> store  # E: operand
customers.add_edge(store)  # E: Argument 1 to "add_edge"
pipeline(customers, store)  # E: Cannot infer value of type parameter
customers > 3  # E: Unsupported operand types for >
mysql_type(3)  # E: Argument 1 has incompatible type "int"
anything: Any = customers
