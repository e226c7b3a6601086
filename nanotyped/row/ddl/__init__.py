"""Schemas as CREATE TABLE text of MySQL and MariaDB, both ways."""

from nanotyped.row.ddl.dumps import parse_dump
from nanotyped.row.ddl.rendering import column_problem, key_problem, quoted_name, render_create_table

__all__ = ["column_problem", "key_problem", "parse_dump", "quoted_name", "render_create_table"]
