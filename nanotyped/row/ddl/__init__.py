"""Schemas as CREATE TABLE text of MySQL and MariaDB, both ways."""

from nanotyped.row.ddl.dumps import DumpedTable, parse_dump, parse_dump_tables
from nanotyped.row.ddl.rendering import column_problem, key_problem, quoted_name, render_create_table

__all__ = [
    "DumpedTable",
    "column_problem",
    "key_problem",
    "parse_dump",
    "parse_dump_tables",
    "quoted_name",
    "render_create_table",
]
