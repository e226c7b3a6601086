from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from pydantic import SecretStr

from nanotyped import JSON_NULL, WriteMySQLTable
from nanotyped.nodes.sql.insertion import statement_ends
from nanotyped.nodes.sql.limits import ServerLimits
from nanotyped.nodes.sql.literals import RowLiterals, literal_of
from nanotyped.row import parse_schema
from nanotyped.types import Geometry
from nanotyped.types.mysql import mysql_type
from nanotyped.types.mysql.moments import FIRST_TIMESTAMP, LAST_TIMESTAMP

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "hunter2-and-more"
GIVEN: dict[str, Any] = {"host": "db", "user": "u", "password": SECRET, "database": "shop", "table": "t"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"table": ""}, "table must be named"),
        ({"mode": "merge"}, "mode must be one of insert, replace, upsert, not 'merge'"),
        ({"key": ["id"]}, "key goes with `mode: upsert` alone, and this is `mode: insert`; leave it out"),
        (
            {"mode": "upsert"},
            "key is missing: `mode: upsert` tells a row by the columns of a unique key of the table",
        ),
        ({"mode": "upsert", "key": ["a", "b", "a"]}, "key names `a` twice"),
        ({"max_attempts": 0}, "max_attempts must be at least 1, not 0"),
        ({"database": ""}, "database must be named"),
        ({"port": 0}, "port must be from 1 to 65535, not 0"),
        (
            {"url": f"mysql://u:{SECRET}@h/d"},
            "give either `url`, or `host`, `port`, `user`, `password` and `database`, not both",
        ),
    ],
)
def test_wrong_options_are_refused_at_construction(options: dict[str, Any], message: str) -> None:
    """What can be seen to be wrong without a server is refused before there is one, and no password is shown."""
    with pytest.raises(ValueError, match=r".") as caught:
        WriteMySQLTable(**{**GIVEN, **options})
    assert str(caught.value) == message


def test_a_key_that_is_a_text_is_not_read_letter_by_letter() -> None:
    """A text is a sequence of texts to Python, and never meant so."""
    with pytest.raises(TypeError) as caught:
        WriteMySQLTable(**GIVEN, mode="upsert", key="ab")  # type: ignore[arg-type]  # that is what is refused
    assert str(caught.value) == "key is a list of columns, not the text 'ab': write ['ab']"


def test_the_password_is_in_no_text() -> None:
    """A node that writes does not show its password."""
    nodes = [WriteMySQLTable(**GIVEN), WriteMySQLTable(url=SecretStr(f"mysql://u:{SECRET}@db/shop"), table="t")]
    assert not [text for node in nodes for text in (repr(node), repr(vars(node))) if SECRET in text]


def test_a_file_may_name_it(tmp_path: Path) -> None:
    """YAML knows the node, its options and their types."""
    file = tmp_path / "copy.yaml"
    file.write_text(
        "nodes:\n"
        "  read: {class: StreamMySQLTable, options: {url: 'mysql://u:x@localhost/d', table: t}}\n"
        "  write:\n"
        "    class: WriteMySQLTable\n"
        "    options: {url: 'mysql://u:x@localhost/d', tls: verify, table: u, mode: upsrt, key: [a]}\n"
        "paths: [[read, write]]\n"
    )
    command = [sys.executable, "-m", "nanotyped", "check", file.name]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout + done.stderr).splitlines()[0] == (
        "copy.yaml:5:76: option `mode`: expected `insert`, `replace` or `upsert`, got the text 'upsrt'"
    )
    file.write_text(file.read_text().replace("upsrt", "upsert"))
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("text", "value", "literal"),
    [
        ("bigint unsigned", 2**64 - 1, "18446744073709551615"),
        ("year", 0, "0"),
        ("bit(64)", 5, "5"),
        ("decimal(5,2)", Decimal("-1.50"), "'-1.50'"),
        ("decimal(30,0)", Decimal("1E+3"), "'1000'"),
        ("double", -0.0, "'-0.0'"),
        ("float", 0.10000000149011612, "'0.10000000149011612'"),
        ("varchar(9)", "a'\\\"\0\n%s😀", "'a\\'\\\\\\\"\\0\\n%s😀'"),
        ("enum('a''b')", "a'b", "'a\\'b'"),
        ("varbinary(9)", b"\0'\xff", "_binary X'0027ff'"),
        ("date", date(1, 2, 3), "'0001-02-03'"),
        ("datetime(6)", datetime(2024, 2, 29, 1, 2, 3, 4), "'2024-02-29 01:02:03.000004'"),
        ("timestamp", datetime(2024, 2, 29, 1, tzinfo=timezone(timedelta(hours=2))), "'2024-02-28 23:00:00'"),
        ("timestamp", datetime(2024, 2, 29, 1, tzinfo=UTC), "'2024-02-29 01:00:00'"),
        ("time(6)", -timedelta(microseconds=1), "'-0:00:00.000001'"),
        ("time", timedelta(hours=838, minutes=59, seconds=59), "'838:59:59'"),
        ("set('a','')", frozenset({""}), "2"),
        ("set('a','')", frozenset(), "0"),
        ("json", JSON_NULL, "'null'"),
        ("json", {"a": [Decimal("1.10"), 2**70, "'"]}, '\'{\\"a\\":[1.10,1180591620717411303424,\\"\\\'\\"]}\''),
        ("uuid", UUID(int=1), "'00000000-0000-0000-0000-000000000001'"),
        ("inet4", IPv4Address("10.0.0.1"), "'10.0.0.1'"),
        ("inet6", IPv6Address("::ffff:10.0.0.1"), "'::ffff:10.0.0.1'"),
        ("point", Geometry(4326, b"\1\1\0\0\0" + b"\0" * 16), f"_binary X'e6100000{'0101000000' + '00' * 16}'"),
        ("vector(2)", (1.0, -2.0), "_binary X'0000803f000000c0'"),
    ],
)
def test_literals_leave_the_server_nothing_to_choose(text: str, value: Any, literal: str) -> None:
    """Each type has one spelling that is exact; texts are escaped, moments are in UTC, sets are numbers."""
    assert literal_of(mysql_type(text))(value) == literal


def test_rows_are_written_with_nulls() -> None:
    """A null is NULL in every column, and a JSON null is not."""
    schema = parse_schema({"a": "int null", "b": "json null"})
    make: Any = schema.row_class()
    literals = RowLiterals(schema, ServerLimits((FIRST_TIMESTAMP, LAST_TIMESTAMP), every_uuid=True))
    assert literals.encode([make(None, None), make(1, JSON_NULL)], 1) == [b"(NULL,NULL)", b"(1,'null')"]


def test_statements_of_each_mode() -> None:
    """Identifiers are quoted; an upsert changes the row of its own key, and fails on purpose at any other."""
    names = ["k`1", "k2", "100%"]
    assert statement_ends("t`%s", names, "insert", ()) == (b"INSERT INTO `t``%s` (`k``1`, `k2`, `100%`) VALUES ", b"")
    assert statement_ends("t", ["a"], "replace", ()) == (b"REPLACE INTO `t` (`a`) VALUES ", b"")
    assert statement_ends("t", names, "upsert", ("k`1", "k2"))[1] == (
        b" ON DUPLICATE KEY UPDATE `k``1` = IF(`k``1` <=> VALUES(`k``1`) AND `k2` <=> VALUES(`k2`), VALUES(`k``1`), "
        b"(SELECT 1 UNION SELECT 2)), `k2` = VALUES(`k2`), `100%` = VALUES(`100%`)"
    )
