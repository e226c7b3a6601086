"""The node library. Importing it registers every node for YAML."""

from nanotyped.nodes.classic import (
    DirectoryListener,
    FileReader,
    FileWriter,
    NanoStreamGraph,
    NanoStreamProcessor,
    PrintStreamProcessor,
    WatchdogDirectoryListener,
)
from nanotyped.nodes.composite import DynamicClassMediator
from nanotyped.nodes.csv_text import CSVReader, CSVToDictionaryList
from nanotyped.nodes.documents import AggregateValues, Serializer, SimpleTransforms
from nanotyped.nodes.emitting import ConstantEmitter, CounterOfThings, GetEnvironmentVariables, SequenceEmitter
from nanotyped.nodes.files import ReadRows, WriteRows
from nanotyped.nodes.flow import Filter, PrinterOfThings
from nanotyped.nodes.http import (
    ApiKeyAuth,
    BasicAuth,
    BearerAuth,
    CircuitBreaker,
    CursorPages,
    HeaderLinkPages,
    HttpGetRequest,
    HttpGetRequestPaginator,
    HttpPostRequest,
    IdempotencyKey,
    ItemResults,
    JsonLinkPages,
    NumberedPages,
    OAuth2Auth,
    OffsetPages,
    PaginatedHttpGetRequest,
    RateLimit,
    ResponseRule,
    SinglePage,
    StreamHttp,
)
from nanotyped.nodes.kafka import KafkaProducer
from nanotyped.nodes.local_files import LocalFileReader
from nanotyped.nodes.regex import SubstituteRegex
from nanotyped.nodes.sampling import RandomSample
from nanotyped.nodes.sql import StreamMySQLTable, StreamTable, WriteMySQLTable
from nanotyped.nodes.templates import kwarg_remapper, template_class
from nanotyped.nodes.values import Cast, InsertData, Remapper
from nanotyped.nodes.watching import LocalDirectoryWatchdog
from nanotyped.nodes.windows import BatchMessages, StreamingJoin, TimeWindowAccumulator

__all__ = [
    "AggregateValues",
    "ApiKeyAuth",
    "BasicAuth",
    "BatchMessages",
    "BearerAuth",
    "CSVReader",
    "CSVToDictionaryList",
    "Cast",
    "CircuitBreaker",
    "ConstantEmitter",
    "CounterOfThings",
    "CursorPages",
    "DirectoryListener",
    "DynamicClassMediator",
    "FileReader",
    "FileWriter",
    "Filter",
    "GetEnvironmentVariables",
    "HeaderLinkPages",
    "HttpGetRequest",
    "HttpGetRequestPaginator",
    "HttpPostRequest",
    "IdempotencyKey",
    "InsertData",
    "ItemResults",
    "JsonLinkPages",
    "KafkaProducer",
    "LocalDirectoryWatchdog",
    "LocalFileReader",
    "NanoStreamGraph",
    "NanoStreamProcessor",
    "NumberedPages",
    "OAuth2Auth",
    "OffsetPages",
    "PaginatedHttpGetRequest",
    "PrintStreamProcessor",
    "PrinterOfThings",
    "RandomSample",
    "RateLimit",
    "ReadRows",
    "Remapper",
    "ResponseRule",
    "SequenceEmitter",
    "Serializer",
    "SimpleTransforms",
    "SinglePage",
    "StreamHttp",
    "StreamMySQLTable",
    "StreamTable",
    "StreamingJoin",
    "SubstituteRegex",
    "TimeWindowAccumulator",
    "WatchdogDirectoryListener",
    "WriteMySQLTable",
    "WriteRows",
    "kwarg_remapper",
    "template_class",
]
