"""Rows: the messages of a pipeline, their schemas, and the code compiled for a schema."""

from nanotyped.row.arrow import ArrowDecoder, ArrowEncoder
from nanotyped.row.ddl import parse_dump
from nanotyped.row.encoding import RowEncoder
from nanotyped.row.rows import Row, column, row_class_of
from nanotyped.row.schema import Column, Schema, parse_schema
from nanotyped.row.validation import Validator

__all__ = [
    "ArrowDecoder",
    "ArrowEncoder",
    "Column",
    "Row",
    "RowEncoder",
    "Schema",
    "Validator",
    "column",
    "parse_dump",
    "parse_schema",
    "row_class_of",
]
