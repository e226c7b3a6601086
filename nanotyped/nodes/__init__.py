"""The node library. Importing it registers every node for YAML."""

from nanotyped.nodes.composite import DynamicClassMediator
from nanotyped.nodes.files import ReadRows, WriteRows
from nanotyped.nodes.flow import Filter, PrinterOfThings
from nanotyped.nodes.http import HttpPostRequest
from nanotyped.nodes.sql import StreamMySQLTable, StreamTable, WriteMySQLTable
from nanotyped.nodes.templates import kwarg_remapper, template_class
from nanotyped.nodes.values import Cast, InsertData, Remapper

__all__ = [
    "Cast",
    "DynamicClassMediator",
    "Filter",
    "HttpPostRequest",
    "InsertData",
    "PrinterOfThings",
    "ReadRows",
    "Remapper",
    "StreamMySQLTable",
    "StreamTable",
    "WriteMySQLTable",
    "WriteRows",
    "kwarg_remapper",
    "template_class",
]
