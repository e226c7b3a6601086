"""The whole way: `discover` writes contracts, `check` takes them, and `run` copies tables of every type exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from nanotyped import JSON_NULL, ReadRows, StreamMySQLTable, mysql_type
from nanotyped.types import render_ddl
from tests.integration.test_cli import run
from tests.integration.test_mysql_types import COLUMNS, exactly, insert, storable
from tests.support.sql import describe, rows_of
from tests.unit.types import strategies as any_

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.mariadb import Database

TABLES = {  # a row has room for so many columns only; of 16 MB, the longest packet, no more than a blob is drawn
    "numbers": [text for text in COLUMNS if "int" in text or text.startswith(("dec", "flo", "dou", "bit"))],
    "texts": [text for text in COLUMNS if "char" in text or "text" in text],
}
TABLES["others"] = [text for text in COLUMNS if not any(text in texts for texts in TABLES.values())]
ROWS = 12


def make(database: Database, table: str, columns: list[Any]) -> None:
    """Make an empty table with a key and these columns, and another one like it."""
    spelled = ", ".join(f"c{place} {render_ddl(kind)} NULL" for place, kind in enumerate(columns))
    database.execute(
        f"CREATE OR REPLACE TABLE `{table}` (id int PRIMARY KEY, {spelled})",
        f"CREATE OR REPLACE TABLE `{table} copied` LIKE `{table}`",
    )


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Return values of a column, nulls among them."""
    drawn = mysql_type("blob") if kind in (mysql_type("mediumblob"), mysql_type("longblob")) else kind
    return st.none() | any_.values(drawn).filter(lambda value: storable(kind, value))


@pytest.mark.parametrize("table", TABLES)
def test_every_table_is_copied_exactly_to_another_one_and_to_json_lines(
    database: Database, tmp_path: Path, table: str
) -> None:
    """By the server's own checksums, and value by value out of the file; with a null and an extreme in each column."""
    columns = [mysql_type(text) for text in TABLES[table]]
    lines = [f"  {name}:\n    class: {text}" for name, text in (
        ("copy", f"WriteMySQLTable\n    options: {{url: '${{DATABASE_URL}}', table: {table} copied}}"),
        ("lines", f"WriteRows\n    options: {{path: '{tmp_path}/{table}.jsonl'}}"),
    )]  # fmt: skip
    paths = [f"- [{table}, copy]", f"- [{table}, lines]"]

    # Two programs run for each example: none is looked for that is smaller.
    @settings(
        max_examples=2, deadline=None, suppress_health_check=list(HealthCheck), database=None, phases=[Phase.generate]
    )
    @given(st.tuples(*(st.lists(values_of(kind), min_size=ROWS, max_size=ROWS) for kind in columns)))
    def check(drawn: tuple[list[Any], ...]) -> None:
        make(database, table, columns)
        insert(database, table, columns, zip(*drawn, strict=True))
        status, contract, err = run(tmp_path, "discover", database.url, table, "--format", "yaml")
        assert (status, err) == (0, "")
        (tmp_path / "copy.yaml").write_text("\n".join([contract.rstrip("\n"), *lines, "paths:", *paths, ""]))
        for command in (["check", "--connect", "--strict"], ["run"]):
            status, out, err = run(tmp_path, *command, "copy.yaml", DATABASE_URL=database.url)
            assert status == 0, out + err

        [(_, before), (_, after)] = database.execute(f"CHECKSUM TABLE `{table}`, `{table} copied` EXTENDED")
        assert before == after
        rows = rows_of(StreamMySQLTable(url=database.url, table=table))
        assert len(rows) == ROWS
        schema = describe(database, table).schema
        read = rows_of(ReadRows(path=str(tmp_path / f"{table}.jsonl"), output_schema=schema))
        assert [list(map(exactly, row)) for row in read] == [
            [exactly(None if value is JSON_NULL else value) for value in row]
            for row in rows  # JSON has one null
        ]

    check()
