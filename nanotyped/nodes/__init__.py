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
    HttpGetRequest,
    HttpGetRequestPaginator,
    HttpPostRequest,
    IdempotencyKey,
    ItemResults,
    OAuth2Auth,
    PaginatedHttpGetRequest,
    RateLimit,
    ResponseRule,
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
    "DirectoryListener",
    "DynamicClassMediator",
    "FileReader",
    "FileWriter",
    "Filter",
    "GetEnvironmentVariables",
    "HttpGetRequest",
    "HttpGetRequestPaginator",
    "HttpPostRequest",
    "IdempotencyKey",
    "InsertData",
    "ItemResults",
    "KafkaProducer",
    "LocalDirectoryWatchdog",
    "LocalFileReader",
    "NanoStreamGraph",
    "NanoStreamProcessor",
    "OAuth2Auth",
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
