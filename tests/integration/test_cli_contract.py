"""`nanotyped contract diff` between files, classes, live tables and text."""

from __future__ import annotations

import json
import sqlite3
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from nanotyped.cli import main
from nanotyped.engine.checkpoint import FILE_NAME, StateFile
from tests.integration.test_cli import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.mariadb import Database

DUMP = "CREATE TABLE orders (id int unsigned PRIMARY KEY, amount int NOT NULL, city varchar(20), note text);\n"
PIPELINE = """\
nodes:
  read:
    class: StreamTable
    options: {url: "sqlite:///shop.db", table: orders}
    output_schema: {id: int unsigned, amount: int, city: varchar(20) null, note: text null}
  keep:
    class: Remapper
    options: {mapping: {town: city}}
  write:
    class: WriteRows
    options: {path: out.csv}
    input_schema: {amount: bigint}
paths: [[read, keep, write]]
"""
MODULE = """\
from typing import Annotated
from nanotyped import Row, mysql_type

class Order(Row):
    id: Annotated[int, mysql_type("int unsigned")]
    amount: Annotated[int, mysql_type("bigint")]
    city: Annotated[str | None, mysql_type("varchar(20)")]
    note: Annotated[str | None, mysql_type("text")]
"""
FORMS = (
    "a contract is FILE.yaml:NODE, FILE.sql:TABLE, MODULE:CLASS (with --module MODULE), URL:TABLE, ${NAME}:TABLE,"
    " :TABLE (with --url-env NAME), STATE_DIR:SOURCE, or the text of a CREATE TABLE"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working directory, with a dump, a pipeline and a module of Row classes."""
    (tmp_path / "a.sql").write_text(DUMP)
    (tmp_path / "p.yaml").write_text(PIPELINE)
    (tmp_path / "contract_rows.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    yield tmp_path
    sys.modules.pop("contract_rows", None)


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str], str]:
    """Return the exit status of `contract diff`, its lines on stdout, and stderr."""
    status = main(["contract", "diff", *words])
    found = capsys.readouterr()
    return status, found.out.splitlines(), found.err


def test_a_change_is_told_column_by_column(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each column is told with from and to, the verdict both ways, and whom it breaks; the exit status is 1."""
    (folder / "b.sql").write_text(
        "CREATE TABLE orders (id int unsigned NOT NULL, note text, amount bigint, mail char(9) NOT NULL, o int)"
    )
    assert said(capsys, "a.sql", "b.sql:orders") == (
        1,
        [
            "a.sql:orders → b.sql:orders",
            "~ column `id` left the key; breaks writers",
            "~ column `amount` `int` → `bigint null`; widening there, lossy (it may be below -2147483648) back; "
            "breaks readers",
            "- column `city` is gone; breaks readers and writers",
            "+ column `mail` `char(9)` is new; breaks writers",
            "+ column `o` `int null` is new; breaks nobody",
            "= the columns stand in another order; breaks nobody",
        ],
        "",
    )


def test_with_breaking_only_what_breaks_counts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A new column that may be null breaks nobody: it is a difference, and with --breaking it is none."""
    (folder / "b.sql").write_text(DUMP.replace("note text", "note text, o int"))
    head = "a.sql:orders → b.sql:orders"
    assert said(capsys, "a.sql", "b.sql") == (1, [head, "+ column `o` `int null` is new; breaks nobody"], "")
    assert said(capsys, "a.sql", "b.sql", "--breaking") == (0, [head, "nothing that breaks"], "")
    assert said(capsys, "a.sql", "a.sql") == (0, ["a.sql:orders → a.sql:orders", "no difference"], "")


def test_programs_read_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With --format json the same is one JSON document."""
    text = "CREATE TABLE orders (id int unsigned PRIMARY KEY, amount bigint NOT NULL, city varchar(20), note text)"
    status, lines, _ = said(capsys, "a.sql", text, "--format", "json")
    assert status == 1
    assert json.loads("\n".join(lines)) == {
        "before": "a.sql:orders",
        "after": "the text",
        "equal": False,
        "breaking": {"readers": True, "writers": False},
        "reordered": False,
        "changes": [
            {
                "column": "amount",
                "kinds": ["type"],
                "before": {"type": "int", "nullable": False, "key": False},
                "after": {"type": "bigint", "nullable": False, "key": False},
                "there": {"verdict": "widening", "reason": ""},
                "back": {"verdict": "lossy", "reason": "it may be below -2147483648"},
                "breaks": ["readers"],
                "impact": None,
            }
        ],
    }


def test_every_kind_of_contract_is_compared_with_every_other(
    folder: Path, database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A dump, a node and a live table of one contract do not differ; a text of SQLite has no end, which does."""
    database.execute(DUMP)
    with closing(sqlite3.connect("shop.db")) as connection:
        connection.execute(DUMP.replace("int unsigned PRIMARY KEY", "int unsigned NOT NULL PRIMARY KEY"))
    monkeypatch.setenv("SHOP_URL", database.url)
    module = ("--module", "contract_rows")
    live = f"table `{database.name}`.`orders` on {database.server.host}:{database.server.port}"
    for other, place in (
        ("p.yaml:read", "p.yaml:read"),
        (f"{database.url}:orders", live),
        ("${SHOP_URL}:orders", live),
        (":orders", live),
    ):
        found = said(capsys, "a.sql", other, "--url-env", "SHOP_URL")
        assert found == (0, [f"a.sql:orders → {place}", "no difference"], "")
    _, lines, _ = said(capsys, "a.sql", "sqlite:///shop.db:orders")
    assert lines == [
        "a.sql:orders → table `orders` of shop.db",
        "~ column `note` `text null` → `text null`; widening there, "
        "lossy (it may have any number of bytes, 65535 fit) back; breaks readers",
    ]
    change = "~ column `amount` `bigint` → `int`; lossy (it may be below -2147483648) there, widening back"
    found = said(capsys, "contract_rows:Order", "a.sql", *module)
    assert found == (1, ["contract_rows:Order → a.sql:orders", f"{change}; breaks writers"], "")


def test_a_node_is_what_it_gives_and_a_sink_what_it_needs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The contract of a node in the middle is what the check of the pipeline found it to give."""
    status, lines, _ = said(capsys, "p.yaml:read", "p.yaml:keep")
    assert (status, lines[1:]) == (
        1,
        ["+ column `town` `varchar(20) null` is new; breaks nobody - harmless to `keep`"],
    )
    status, lines, _ = said(capsys, "p.yaml:write", "CREATE TABLE t (amount bigint NOT NULL)")
    assert (status, lines[1:]) == (0, ["no difference"])


def test_what_is_no_contract_is_refused_with_status_2(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both sides are told at once, each with its remedy; a password is in no message."""
    for word, reason in (
        ("shop", f"`shop` names no contract; {FORMS}"),
        ("p.yaml", "p.yaml: say which node, as in p.yaml:NODE; the nodes are read, keep, write"),
        ("p.yaml:raed", "p.yaml: there is no node `raed`; did you mean `read`?"),
        ("none.sql", "none.sql: cannot be read: No such file or directory"),
        (
            "contract_rows:Order",
            "`contract_rows` is not imported: code is imported only where you name it, with --module contract_rows",
        ),
        ("${NO_URL}:t", "the environment variable `NO_URL` is not set"),
        ("mysql://u:secret@127.0.0.1:1/shop", "URL: say which table, as in URL:TABLE"),
        ("sqlite:///none.db:t", "there is no database file `none.db`"),
    ):
        status, lines, err = said(capsys, word, "a.sql")
        assert (status, lines, err) == (2, [], f"nanotyped: {reason}\n")
    status, _, err = said(capsys, "mysql://u:secret@127.0.0.1:1/shop:t", "b")
    assert status == 2
    assert len(err.splitlines()) == 2
    assert "secret" not in err
    status, _, err = said(capsys, "contract_rows:Odrer", "a.sql", "--module", "contract_rows")
    assert (status, err) == (2, "nanotyped: `contract_rows` has no Row class `Odrer`; did you mean `Order`?\n")


def test_a_column_of_no_known_type_is_told_and_left_out(database: Database, tmp_path: Path) -> None:
    """What cannot be compared is said on stderr; the rest is."""
    database.execute("CREATE TABLE orders (id int PRIMARY KEY, y year(2))")
    words = ("contract", "diff", "CREATE TABLE orders (id int PRIMARY KEY)", "${SHOP_URL}:orders")
    status, out, err = run(tmp_path, *words, SHOP_URL=database.url)
    assert (status, out.splitlines()[1:]) == (0, ["no difference"])
    assert err.startswith(f"nanotyped: table `{database.name}`.`orders` on ")
    assert "column `y` is left out: year(2) is not supported" in err


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ((), "diff A B is missing"),
        (("dif", "a", "b"), "unknown action `dif`; there is `contract diff A B`"),
        (("diff", "a"), "two contracts are needed: contract diff A B"),
    ],
)
def test_other_words_are_a_usage_error(words: tuple[str, ...], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    """There is one action, and it takes two contracts."""
    assert main(["contract", *words]) == 2
    assert capsys.readouterr().err.splitlines()[0] == f"nanotyped: {reason}"


def test_a_state_is_a_contract(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a source gave when the state was written is compared with what it gives now, with whom that breaks."""
    with closing(sqlite3.connect("shop.db")) as connection, connection:
        connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, amount int NOT NULL, city varchar(20))")
        connection.execute("INSERT INTO orders VALUES (1, 2, 'x')")
    pipeline = (
        "nodes:\n  read: {class: StreamTable, options: {url: 'sqlite:///shop.db', table: orders}}\n"
        "  keep: {class: Remapper, options: {mapping: {town: city}}}\n"
        "  write: {class: WriteRows, options: {path: out.jsonl, segments: true}}\npaths: [[read, keep, write]]\n"
    )
    (folder / "live.yaml").write_text(pipeline)
    assert run(folder, "run", "live.yaml", "--state", "state")[0] == 0
    live = "sqlite:///shop.db:orders"
    assert said(capsys, "state", live)[0] == 0
    assert said(capsys, "state:read", live)[0] == 0
    with closing(sqlite3.connect("shop.db")) as connection, connection:
        connection.execute("ALTER TABLE orders DROP COLUMN city")
    status, lines, _ = said(capsys, "state", live)
    assert (status, lines[1:]) == (1, ["- column `city` is gone; breaks readers and writers"])
    assert lines[0].startswith("state state:read → ")
    declared = pipeline.replace("table: orders}", "table: orders}, output_schema: {id: bigint, amount: tinyint}")
    (folder / "live.yaml").write_text(declared)
    status, lines, _ = said(capsys, "state:read", "live.yaml:read")
    assert status == 1
    assert [line.partition(" - ")[2] for line in lines[1:] if "`city`" in line] == [
        "breaks `keep` (node `keep`: there is no column `city`. Hint: the columns are `id`, `amount`), "
        "harmless to `write`"
    ]
    assert said(capsys, "state:rad", live)[2].endswith("there is no source `rad`; did you mean `read`?\n")


def test_a_state_of_an_earlier_version_has_no_contracts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Such a file is still read by runs; as a side it says what is missing."""
    with closing(StateFile(folder / "state", {"`read`": "aa"})):
        pass
    path = folder / "state" / FILE_NAME
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM meta WHERE name = 'contracts'")
    reason = "nanotyped: state `state`: it holds no contracts: no run of this version has written it yet\n"
    assert said(capsys, "state", "a.sql") == (2, [], reason)
    with closing(StateFile(folder / "state", {"`read`": "aa"}, contracts={"`read`": {"id": {}}})) as state:
        state.write({"`read`": (1, 1)}, finished=False)
    assert said(capsys, "state:read", "a.sql")[0] == 2


def test_impacts_of_a_node_are_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where a side is a node of a pipeline, each change is told with the nodes behind it that it breaks or spares."""
    text = "CREATE TABLE orders (id int unsigned, amount varchar(9) NOT NULL, city varchar(10), note text)"
    status, lines, _ = said(capsys, "p.yaml:read", text)
    assert status == 1
    told = {line.split("`")[1]: line.partition(" - ")[2] for line in lines[1:]}
    assert told["amount"] == "breaks `write` (needs `bigint`), harmless to `keep`"
    assert told["city"] == "harmless to `keep`, `write`"
    _, lines, _ = said(capsys, "p.yaml:read", text, "--format", "json")
    changes = {change["column"]: change["impact"] for change in json.loads("\n".join(lines))["changes"]}
    assert changes["amount"] == {"breaks": {"write": "needs `bigint`"}, "harmless": ["keep"]}
