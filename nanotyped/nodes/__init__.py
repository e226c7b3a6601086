"""The node library. Importing it registers every node for YAML."""

from nanotyped.nodes.composite import DynamicClassMediator
from nanotyped.nodes.files import ReadRows, WriteRows
from nanotyped.nodes.flow import Filter, PrinterOfThings
from nanotyped.nodes.http import HttpPostRequest
from nanotyped.nodes.http_get import HttpGetRequest, HttpGetRequestPaginator, PaginatedHttpGetRequest
from nanotyped.nodes.idempotency import IdempotencyKey
from nanotyped.nodes.sql import StreamMySQLTable, StreamTable, WriteMySQLTable
from nanotyped.nodes.templates import kwarg_remapper, template_class
from nanotyped.nodes.values import Cast, InsertData, Remapper
from nanotyped.nodes.windows import BatchMessages, StreamingJoin, TimeWindowAccumulator

__all__ = [
    "BatchMessages",
    "Cast",
    "DynamicClassMediator",
    "Filter",
    "HttpGetRequest",
    "HttpGetRequestPaginator",
    "HttpPostRequest",
    "IdempotencyKey",
    "InsertData",
    "PaginatedHttpGetRequest",
    "PrinterOfThings",
    "ReadRows",
    "Remapper",
    "StreamMySQLTable",
    "StreamTable",
    "StreamingJoin",
    "TimeWindowAccumulator",
    "WriteMySQLTable",
    "WriteRows",
    "kwarg_remapper",
    "template_class",
]
