"""Each built-in node linked wrongly once; where plain typing knows nothing of its rows, made wrongly."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Never, Protocol, assert_type

from nanotyped import (
    AggregateValues,
    BatchMessages,
    Cast,
    ConstantEmitter,
    CounterOfThings,
    CSVReader,
    CSVToDictionaryList,
    DirectoryListener,
    DynamicClassMediator,
    FileReader,
    FileWriter,
    Filter,
    Flow,
    GetEnvironmentVariables,
    HttpGetRequest,
    HttpGetRequestPaginator,
    HttpPostRequest,
    InsertData,
    KafkaProducer,
    Link,
    LocalDirectoryWatchdog,
    LocalFileReader,
    NanoNode,
    NanoStreamProcessor,
    PassThrough,
    PrinterOfThings,
    PrintStreamProcessor,
    RandomSample,
    ReadRows,
    Remapper,
    Row,
    SequenceEmitter,
    Serializer,
    SimpleTransforms,
    SinglePage,
    StreamingJoin,
    StreamMySQLTable,
    StreamHttp,
    StreamTable,
    SubstituteRegex,
    TimeWindowAccumulator,
    WatchdogDirectoryListener,
    WriteMySQLTable,
    WriteRows,
    pipeline,
)


class Customer(Row):
    id: int
    note: str | None


class Vip(Customer):
    level: int


class Invoice(Row):
    total: Decimal


class HasId(Protocol):
    @property
    def id(self) -> int: ...


class Customers(NanoNode[Never, Customer]): ...


class Vips(NanoNode[Never, Vip]): ...


class Words(NanoNode[Never, str]): ...


class Greet(NanoNode[Vip, Invoice]): ...


class Bill(NanoNode[Customer, Invoice]): ...


class Store(NanoNode[Invoice, Never]): ...


class Log(PassThrough[HasId]): ...


class Both(DynamicClassMediator[Customer, Invoice]): ...


customers, vips, words, greet, bill, store = Customers(), Vips(), Words(), Greet(), Bill(), Store()
kept = Filter(test="key_exists", key="id")
log = Log()

# Nodes that pass rows on, made with the class of their rows: judged pair by pair, on both sides.
assert_type(vips > Filter[Customer](test="key_exists", key="id") > bill, Link)
assert_type(vips > PrinterOfThings[Vip]() > greet, Link)
assert_type(words > FileWriter[str](), Link)
customers > Filter[Vip](test="key_exists", key="id")  # E: Unsupported operand types for > ("Customers" and "Filter[Vip]")
customers > PrinterOfThings[Vip]()  # E: Unsupported operand types for > ("Customers" and "PrinterOfThings[Vip]")
customers > PrintStreamProcessor[Vip]()  # E: Unsupported operand types for > ("Customers" and "PrintStreamProcessor[Vip]")
customers > RandomSample[Vip]()  # E: Unsupported operand types for > ("Customers" and "RandomSample[Vip]")
customers > WriteRows[Vip](path="v.csv")  # E: Unsupported operand types for > ("Customers" and "WriteRows[Vip]")
customers > FileWriter[str]()  # E: Unsupported operand types for > ("Customers" and "FileWriter[str]")
customers > KafkaProducer[Vip](topic="t", bootstrap_servers="h:9092")  # E: Unsupported operand types for > ("Customers" and "KafkaProducer[Vip]")
Filter[Customer](test="key_exists", key="id") > store  # E: Unsupported operand types for > ("Filter[Customer]" and "Store")
customers > PrinterOfThings[Customer]() > greet  # E: Unsupported operand types for > ("PrinterOfThings[Customer]" and "Greet")
WriteRows[Customer](path="c.csv") >> greet  # E: Unsupported operand types for >> ("WriteRows[Customer]" and "Greet")
RandomSample[Vip]().add_edge(store)  # E: Argument 1 to "add_edge"
Filter(test="key_exist", key="id")  # E: Argument "test" to "Filter" has incompatible type

# `>>` and pipeline() know the class of the rows behind such nodes, with an argument or none.
assert_type(kept, Filter[Any])
assert_type(vips >> kept, Flow[Never, Vip])
assert_type(vips >> Filter[Customer](test="key_exists", key="id"), Flow[Never, Vip])
assert_type(vips >> (kept, log), Flow[Never, Vip])
assert_type(vips >> log >> kept >> greet, Flow[Never, Invoice])
assert_type(pipeline(vips, kept, log, PrinterOfThings(), greet, store), Flow[Never, Never])
assert_type(pipeline(vips, RandomSample(sample=0.5), greet), Flow[Never, Invoice])
assert_type(pipeline(vips, kept), Flow[Never, Vip])
assert_type(pipeline(vips, kept, kept, kept, kept, kept, kept, kept, greet), Flow[Never, Any])
pipeline(customers, kept, greet)  # E: Cannot infer value of type parameter
pipeline(customers, Filter(test="key_exists", key="id"), store)  # E: Cannot infer value of type parameter
pipeline(customers, log, PrinterOfThings(), greet)  # E: Cannot infer value of type parameter
pipeline(customers, kept, kept, kept, kept, kept, kept, greet)  # E: Cannot infer value of type parameter
pipeline(customers, kept, kept, kept, kept, kept, kept, kept, greet)  # E: Cannot infer value of type parameter
pipeline(store, log, kept)
bill >> log  # E: Unsupported operand types for >>
customers >> kept >> greet  # E: Unsupported operand types for >>
customers >> (kept, log) >> store  # E: Unsupported operand types for >>
bill >> log  # E: Unsupported operand types for >> ("Bill" and "Log")

# Nothing can be linked to a source.
assert_type(StreamTable(url="sqlite:///c.db", table="c") >> bill, Flow[Never, Invoice])
assert_type((ReadRows(path="c.csv"), customers) >> bill, Flow[Never, Invoice])
customers > ReadRows(path="c.csv")  # E: Unsupported operand types for > ("Customers" and "ReadRows")
customers > StreamTable(url="sqlite:///c.db", table="c")  # E: Unsupported operand types for > ("Customers" and "StreamTable")
customers > StreamHttp(url="https://h/", pagination=SinglePage())  # E: Unsupported operand types for > ("Customers" and "StreamHttp")
customers >> StreamMySQLTable(table="c", database="shop")  # E: Unsupported operand types for >> ("Customers" and "StreamMySQLTable")
customers.add_edge(ConstantEmitter(thing=1))  # E: Argument 1 to "add_edge"
pipeline(customers, CounterOfThings())  # E: Cannot infer value of type parameter
customers > (bill, LocalDirectoryWatchdog())  # E: Unsupported operand types for >
customers > WatchdogDirectoryListener()  # E: Unsupported operand types for > ("Customers" and "WatchdogDirectoryListener")
customers > DirectoryListener()  # E: Unsupported operand types for > ("Customers" and "WatchdogDirectoryListener")

# Nodes that say what they need.
customers > Both() > store
bill > Both()  # E: Unsupported operand types for > ("Bill" and "Both")
words > StreamingJoin(streams={"a": "id", "b": "id"}, window=9)  # E: Unsupported operand types for > ("Words" and "StreamingJoin")

# The rest takes any rows, and what comes out hangs on options: these are of a type at least.
AggregateValues(tail_path=3)  # E: Argument "tail_path" to "AggregateValues" has incompatible type "int"
BatchMessages(batch_size="9")  # E: Argument "batch_size" to "BatchMessages" has incompatible type "str"
Cast(columns=["id"])  # E: Argument "columns" to "Cast" has incompatible type "list[str]"
CSVReader(delimiter=44)  # E: Argument "delimiter" to "CSVReader" has incompatible type "int"
CSVToDictionaryList(key=1)  # E: Argument "key" to "CSVToDictionaryList" has incompatible type "int"
FileReader(key=3)  # E: Argument "key" to "FileReader" has incompatible type "int"
GetEnvironmentVariables(environment_variables="HOME")  # E: Argument "environment_variables" to "GetEnvironmentVariables" has incompatible type "str"
HttpGetRequest(url=3)  # E: Argument "url" to "HttpGetRequest" has incompatible type "int"
HttpGetRequestPaginator(endpoint_template="https://h/?o={o}", additional_data_key="more", pagination_key=3, pagination_get_request_key="o")  # E: Argument "pagination_key" to "HttpGetRequestPaginator" has incompatible type "int"
HttpPostRequest(url="https://h/", compress="zip")  # E: Argument "compress" to "HttpPostRequest" has incompatible type
InsertData(value_dict=["id"])  # E: Argument "value_dict" to "InsertData" has incompatible type "list[str]"
LocalFileReader(read_mode="w")  # E: Argument "read_mode" to "LocalFileReader" has incompatible type
NanoStreamProcessor("old")  # E: Too many arguments for "NanoStreamProcessor"
Remapper(mapping=["id"])  # E: Argument "mapping" to "Remapper" has incompatible type "list[str]"
SequenceEmitter(sequence=3)  # E: Argument "sequence" to "SequenceEmitter" has incompatible type "int"
Serializer(values="no")  # E: Argument "values" to "Serializer" has incompatible type "str"
SimpleTransforms(transform_mapping=3)  # E: Argument "transform_mapping" to "SimpleTransforms" has incompatible type "int"
SubstituteRegex(match_regex="a")  # E: Missing named argument "substitute_string" for "SubstituteRegex"
TimeWindowAccumulator(time_window="1", send_interval=1)  # E: Argument "time_window" to "TimeWindowAccumulator" has incompatible type "str"
WriteMySQLTable(table="c", mode="upser")  # E: Argument "mode" to "WriteMySQLTable" has incompatible type
