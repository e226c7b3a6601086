from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nanotyped.config import parse_pipeline
from nanotyped.config.contracts import TableContract, render_sql, render_yaml
from nanotyped.config.row_module import render_module
from nanotyped.row import Column, Row, Schema
from nanotyped.row.schema import parse_column
from nanotyped.row.type_texts import file_spelling, mysql_spelling
from nanotyped.types import (
    OBJECT,
    STRING,
    IncompatibleTypesException,
    MySQLTypeSystem,
    SQLiteTypeSystem,
    TypeSyntaxError,
    mysql_type,
)
from tests.support.checkers import Place, run_mypy, shared_cache, write_mypy_config
from tests.unit.types import strategies as any_

if TYPE_CHECKING:
    from nanotyped.types import DataType


def schema_of(**columns: str) -> Schema:
    """Return a schema of MySQL types, null where the text ends so, in the key where it begins with a star."""
    return Schema(
        Column(
            name,
            mysql_type(text.removeprefix("*").removesuffix(" null")),
            nullable=text.endswith(" null"),
            key=text.startswith("*"),
        )
        for name, text in columns.items()
    )


ORDERS = TableContract(
    "order items",
    schema_of(
        **{
            "id": "*bigint unsigned",
            "order id": "int",
            "class": "varchar(9) null",
            "keys": "json null",
            "date": "date",
            "state": "enum('new','paid')",
            "what_the_customer_said_when_we_called": "varchar(2000) character set latin1 null",
        }
    ),
    {"p\n": "character set `geostd8` is not supported"},
)


def test_a_table_is_a_class_of_rows() -> None:
    """Columns keep their names where Python and Row allow it, imports are the ones that are needed, in one layout."""
    assert render_module([ORDERS, TableContract("empty", Schema([]), {"x": "it is odd"})]) == (
        '"""Row classes of live tables, as they were when `nanotyped discover` wrote them."""\n'
        "\n"
        "from datetime import date\n"
        "from typing import Annotated\n"
        "\n"
        "from nanotyped import Row, column, mysql_type\n"
        "\n"
        "\n"
        "class OrderItems(Row):\n"
        '    """A row of `order items`."""\n'
        "\n"
        "    # `p\\x0a`: character set `geostd8` is not supported\n"
        '    id: Annotated[int, mysql_type("bigint unsigned")] = column(key=True)\n'
        '    order_id: Annotated[int, mysql_type("int")] = column(name="order id")\n'
        '    class_: Annotated[str | None, mysql_type("varchar(9)")] = column(name="class")\n'
        '    keys_: Annotated[object | None, mysql_type("json")] = column(name="keys")\n'
        '    date_: Annotated[date, mysql_type("date")] = column(name="date")\n'
        "    state: Annotated[str, mysql_type(\"enum('new','paid')\")]\n"
        "    what_the_customer_said_when_we_called: Annotated[\n"
        "        str | None,\n"
        '        mysql_type("varchar(2000) character set latin1"),\n'
        "    ]\n"
        "\n"
        "\n"
        "# `empty` has no column that a contract holds\n"
        "# `x`: it is odd\n"
    )


def test_a_table_is_a_node_of_a_pipeline() -> None:
    """Every text is quoted that YAML would read otherwise, and `${` in a name is no variable."""
    contract = TableContract("a${b", schema_of(no="int", state="enum('a: b')", **{"1": "decimal(12,2) null"}))
    assert render_yaml([ORDERS, contract, TableContract("e", Schema([]))], "StreamMySQLTable", "SHOP_URL") == (
        "nodes:\n"
        "  order items:\n"
        "    class: StreamMySQLTable\n"
        "    options:\n"
        '      url: "${SHOP_URL}"\n'
        "      table: order items\n"
        "    output_schema:\n"
        "      # `p\\x0a`: character set `geostd8` is not supported\n"
        "      id: bigint unsigned\n"
        "      order id: int\n"
        "      class: varchar(9) null\n"
        "      keys: json null\n"
        "      date: date\n"
        "      state: \"enum('new','paid')\"\n"
        "      what_the_customer_said_when_we_called: varchar(2000) character set latin1 null\n"
        '  "a${b":\n'
        "    class: StreamMySQLTable\n"
        "    options:\n"
        '      url: "${SHOP_URL}"\n'
        '      table: "a$${b"\n'
        "    output_schema:\n"
        '      "no": int\n'
        "      state: \"enum('a: b')\"\n"
        '      "1": decimal(12,2) null\n'
        "  # `e` has no column that a contract holds\n"
        "# A pipeline also has nodes that take the rows, and paths, such as:\n"
        "#  show: {class: PrinterOfThings}\n"
        "#paths:\n"
        "#  - [order items, show]\n"
    )


@pytest.mark.parametrize(
    ("declared", "spelled"),
    [("varchar(9)", "varchar(9)"), ("integer", "bigint"), ("real", "double"), ("text", None), ("boolean", None)],
)
def test_a_type_of_sqlite_is_spelled_where_mysql_has_exactly_it(declared: str, spelled: str | None) -> None:
    """A contract that is wider or narrower than the table would be another contract."""
    assert mysql_spelling(SQLiteTypeSystem.type_mapping(declared)) == spelled


def test_what_a_format_cannot_say_is_told() -> None:
    """Text of any length is `str` in Python and in YAML what SQLite calls it; OBJECT and its like are a comment."""
    columns = {"t": "text", "b": "boolean", "x": ""}
    schema = Schema(Column(name, SQLiteTypeSystem.type_mapping(text)) for name, text in columns.items())
    contract = TableContract("decimal", schema)
    assert render_module([contract]).split("\n\n\n")[1] == (
        "class DecimalRow(Row):\n"
        '    """A row of `decimal`."""\n\n'
        "    # `x`: no Python type is exactly `any`\n"
        "    t: str\n"
        "    b: bool\n"
    )
    assert render_yaml([contract], "StreamTable", "DB") == (
        "nodes:\n"
        "  decimal:\n"
        "    class: StreamTable\n"
        "    options:\n"
        '      url: "${DB}"\n'
        "      table: decimal\n"
        "    output_schema:\n"
        "      t: sqlite text\n"
        "      b: sqlite boolean\n"
        "      x: sqlite any\n"
        "# A pipeline also has nodes that take the rows, and paths, such as:\n"
        "#  show: {class: PrinterOfThings}\n"
        "#paths:\n"
        "#  - [decimal, show]\n"
    )
    assert render_yaml([TableContract("t", Schema([Column("o", OBJECT)]))], "StreamTable", "DB") == (
        "nodes:\n"
        "  # `t` has no column that a contract holds\n"
        "  # `o`: no type that a file can name is exactly `object`\n"
    )


@given(any_.columns(), st.booleans())
def test_a_file_names_every_type_of_a_column_of_sqlite(meaning: type[DataType], nullable: bool) -> None:
    """Whatever is declared, the text in the file is read as the very type, or where MySQL has it too, as its equal."""
    kind = SQLiteTypeSystem.from_intermediate(meaning, None)
    try:
        declared = SQLiteTypeSystem.type_mapping(kind.spelling())
    except TypeSyntaxError:  # of a policy
        declared = SQLiteTypeSystem.type_mapping("text")
    spelled = file_spelling(declared)
    assert spelled is not None
    column = parse_column("a", f"{spelled} null" if nullable else spelled)
    assert (column.type.intermediate_type, column.nullable) == (declared.intermediate_type, nullable)


# -- any table ------------------------------------------------------------------------

NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=50) | st.sampled_from(
    [
        "class",
        "schema",
        "__x",
        "_",
        "_a",
        "int",
        "Row",
        "a b",
        "a_b",
        "A",
        "a",
        "1a",
        'a"b',
        "it's",
        "\\",
        "None",
        "ﬁ",
        "𐄇",
        "x ",
    ]
)


def test_what_no_table_of_mysql_has_is_told_in_its_text() -> None:
    """Columns, keys and whole tables are left out behind a comment of one line each."""
    key = Schema([Column("a", mysql_type("int"), key=True), Column("o", OBJECT, key=True), Column("b", STRING)])
    assert render_sql([TableContract("t\n", key, {"x\ny": "odd"}), TableContract("u", Schema([]))]) == (
        "-- `x\\x0ay`: odd\n"
        "-- `o`: no MySQL column holds `object`\n"
        "-- the primary key is left out: a column of it is left out\n"
        "CREATE TABLE `t\n` (\n  `a` int NOT NULL,\n  `b` longtext NOT NULL\n) DEFAULT CHARSET=utf8mb4;\n"
        "\n"
        "-- `u` is left out: a table has a column at least\n"
    )


@st.composite
def contracts(draw: st.DrawFn) -> TableContract:
    """Return contracts of tables and columns of any name and type of MySQL."""
    columns = {}
    for name in draw(st.lists(NAMES, min_size=1, max_size=6, unique=True)):
        meaning = draw(any_.columns())
        try:
            kind = mysql_type(MySQLTypeSystem.from_intermediate(meaning, None).spelling())
        except (IncompatibleTypesException, TypeSyntaxError):  # of some a live column has the type under a policy only
            kind = mysql_type("int")
        columns[name] = Column(name, kind, nullable=draw(st.booleans()), key=draw(st.booleans()))
    return TableContract(draw(NAMES), Schema(columns.values()), draw(st.dictionaries(NAMES, NAMES, max_size=1)))


def load(path: Path) -> list[type[Row]]:
    """Import a module and return its Row classes, in order."""
    spec = importlib.util.spec_from_file_location(f"contracts_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: list[Any] = [item for item in vars(module).values() if isinstance(item, type) and item is not Row]
    return [item for item in found if issubclass(item, Row)]


def mypy_says(path: Path, config: pytest.Config) -> dict[Place, str]:
    """Return what mypy finds in a module by the options of the project, by its place."""
    with shared_cache(config, "typing-plain") as cache:
        return run_mypy(write_mypy_config(path.parent, plugin=False), cache, [path])


def test_the_module_of_any_tables_is_laid_out_imports_and_has_their_schemas(tmp_path: Path) -> None:
    """Whatever tables and columns are named: ruff has nothing to lay out, in any width, and the schemas are equal."""
    path = tmp_path / "rows.py"
    ruff = [str(Path(sys.executable).with_name("ruff")), "format", "--isolated", "--check", "--diff"]

    @settings(max_examples=40, deadline=None, database=None)
    @given(st.lists(contracts(), min_size=1, max_size=4, unique_by=lambda contract: contract.table))
    def check(found: list[TableContract]) -> None:
        path.write_text(render_module(found), encoding="utf-8")
        for width in ("88", "120"):
            done = subprocess.run([*ruff, "--line-length", width, path], capture_output=True, text=True, check=False)
            assert (done.returncode, done.stdout) == (0, "")
        assert [cls.schema for cls in load(path)] == [contract.schema for contract in found]

    check()


def test_mypy_takes_the_module_of_tables_of_every_type(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """Under `mypy --strict` there is nothing to mend, whatever the columns are called."""
    path = tmp_path / "rows.py"

    @settings(max_examples=2, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(contracts(), min_size=20, max_size=30, unique_by=lambda contract: contract.table))
    def check(found: list[TableContract]) -> None:
        path.write_text(render_module([ORDERS, *found]), encoding="utf-8")
        assert mypy_says(path, pytestconfig) == {}

    check()


@given(st.lists(contracts(), min_size=1, max_size=3, unique_by=lambda contract: contract.table))
def test_the_loader_reads_the_nodes_of_any_tables(found: list[TableContract]) -> None:
    """Whatever is named how: the loaded nodes have their table and its columns; which of them are the key, it knows."""
    nodes = render_yaml(found, "StreamMySQLTable", "SHOP_URL")
    keys = [line.strip().removesuffix(":") for line in nodes.splitlines() if re.match(r"  [^ #]", line)]
    paths = "\n".join(f"  - [{key}, the sink]" for key in keys)
    text = f"{nodes}  the sink: {{class: PrinterOfThings}}\npaths:\n{paths}\n"
    pipeline = parse_pipeline(text, environment={"SHOP_URL": "mysql://a:b@localhost/c"})
    for contract in found:
        node: Any = pipeline.nodes[contract.table]
        assert node.table == contract.table
        assert node.output_schema == Schema(Column(c.name, c.type, c.nullable) for c in contract.schema)
