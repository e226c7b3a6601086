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
from nanotyped.nodes.csv_text import CSVReader, CSVToDictionaryList
from nanotyped.nodes.documents import AggregateValues, Serializer, SimpleTransforms
from nanotyped.nodes.emitting import ConstantEmitter, CounterOfThings, GetEnvironmentVariables, SequenceEmitter
from nanotyped.nodes.files import ReadRows, WriteRows
from nanotyped.nodes.flow import Filter, PrinterOfThings
from nanotyped.nodes.http import HttpPostRequest
from nanotyped.nodes.kafka import KafkaProducer
from nanotyped.nodes.local_files import LocalFileReader
from nanotyped.nodes.regex import SubstituteRegex
from nanotyped.nodes.sampling import RandomSample
from nanotyped.nodes.sql import StreamMySQLTable, StreamTable, WriteMySQLTable
from nanotyped.nodes.values import Cast, InsertData, Remapper
from nanotyped.nodes.watching import LocalDirectoryWatchdog

__all__ = [
    "AggregateValues",
    "CSVReader",
    "CSVToDictionaryList",
    "Cast",
    "ConstantEmitter",
    "CounterOfThings",
    "DirectoryListener",
    "FileReader",
    "FileWriter",
    "Filter",
    "GetEnvironmentVariables",
    "HttpPostRequest",
    "InsertData",
    "KafkaProducer",
    "LocalDirectoryWatchdog",
    "LocalFileReader",
    "NanoStreamGraph",
    "NanoStreamProcessor",
    "PrintStreamProcessor",
    "PrinterOfThings",
    "RandomSample",
    "ReadRows",
    "Remapper",
    "SequenceEmitter",
    "Serializer",
    "SimpleTransforms",
    "StreamMySQLTable",
    "StreamTable",
    "SubstituteRegex",
    "WatchdogDirectoryListener",
    "WriteMySQLTable",
    "WriteRows",
]
