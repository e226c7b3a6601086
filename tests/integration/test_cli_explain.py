"""`nanotyped explain --connect` on a real MariaDB server: from the COLUMN_TYPE to the wire and to another table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nanotyped.cli import main

if TYPE_CHECKING:
    from tests.support.mariadb import Database

PIPELINE = """\
nodes:
  read:
    class: StreamMySQLTable
    options: {url: "${SHOP}", table: orders}
    output_schema: {id: bigint unsigned, note: "varchar(20) null", "unit.price": "decimal(10,2)"}
  fill: {class: InsertData, options: {value_dict: {note: none}, overwrite: false}}
  rename: {class: Remapper, options: {mapping: {price: [unit.price]}}}
  post: {class: HttpPostRequest, options: {url: "https://api.example.com/{id}"}}
  store: {class: WriteMySQLTable, options: {url: "${SHOP}", table: target, mode: insert}}
paths: [[read, fill, rename, post], [rename, store]]
"""


@pytest.fixture
def explain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: Database, capsys: pytest.CaptureFixture[str]
) -> Any:
    """What the command prints for the pipeline, the server's place as `SERVER`: its exit status, output and errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOP", database.url)
    (tmp_path / "p.yaml").write_text(PIPELINE)
    database.execute(
        "CREATE TABLE orders (id bigint unsigned NOT NULL PRIMARY KEY, note varchar(40), `unit.price` decimal(10,2)"
        " NOT NULL)",
        "CREATE TABLE target (id int unsigned NOT NULL PRIMARY KEY, note text NOT NULL, `unit.price` decimal(12,2),"
        " price decimal(12,2))",
    )

    def call(*words: str) -> tuple[int, str, str]:
        status = main(["explain", "p.yaml", *words])
        out, err = (text.replace(database.name, "shop") for text in capsys.readouterr())
        place = f"{database.server.host}:{database.server.port}"
        return status, out.replace(place, "SERVER"), err.replace(place, "SERVER")

    return call


def test_a_column_from_a_live_table_into_another(explain: Any) -> None:
    """Both tables have their own COLUMN_TYPE, each with the verdict on it; what does not fit says what check says."""
    assert explain("store.id", "--connect") == (
        0,
        "`id` as it arrives at `store`\n"
        "\n"
        "read  StreamMySQLTable\n"
        "  reads    exact      `id` of table `shop`.`orders` on SERVER: bigint(20) unsigned (uint64), not null\n"
        "  gives    read       `id`: bigint unsigned (uint64), not null\n"
        "\n"
        "fill  InsertData\n"
        "  takes    exact      `id`\n"
        "  gives    passed on  `id`: bigint unsigned (uint64), not null\n"
        "\n"
        "rename  Remapper\n"
        "  takes    exact      `id`\n"
        "  gives    passed on  `id`: bigint unsigned (uint64), not null\n"
        "\n"
        "store  WriteMySQLTable\n"
        "  uses     exact      `id`\n"
        "  becomes  lossy      `id` of table `shop`.`target` on SERVER: int(10) unsigned (uint32), not null\n"
        "  refused             Expected `int(10) unsigned`, got `bigint unsigned` (it may be above 4294967295) - at"
        " `store → table shop.target on SERVER` $.id. Hint: declare it `bigint unsigned`, or put a Cast to"
        " `int(10) unsigned` between them that says what may be lost\n",
        "",
    )


def test_a_live_table_that_breaks_its_contract(explain: Any) -> None:
    """Without --connect the contract is all there is; with it the table is held to it, in the words of check."""
    status, out, _ = explain("post.note")
    assert (status, out) == (
        0,
        "`note` as it arrives at `post`\n"
        "\n"
        "read  StreamMySQLTable\n"
        "  reads    unchecked  `note` of table `orders`; --connect looks at it\n"
        "  gives    read       `note`: varchar(20) (string(20)), may be null\n"
        "\n"
        "fill  InsertData\n"
        "  takes    exact      `note`\n"
        "  gives    filled     `note`: varchar(20) (string(20)), not null; nulls become 'none'\n"
        "\n"
        "rename  Remapper\n"
        "  takes    exact      `note`\n"
        "  gives    passed on  `note`: varchar(20) (string(20)), not null\n"
        "\n"
        "post  HttpPostRequest\n"
        "  takes    exact      `note`\n"
        '  becomes  JSON       string, such as "Ada"; POST https://api.example.com/{id}\n',
    )
    assert explain("read.note", "--connect")[1] == (
        "`note` as it leaves `read`\n"
        "\n"
        "read  StreamMySQLTable\n"
        "  reads    lossy  `note` of table `shop`.`orders` on SERVER: varchar(40) (string(40)), may be null\n"
        "  gives    read   `note`: varchar(20) (string(20)), may be null\n"
        "  refused         Expected `varchar(20)`, got `varchar(40)` (it may have 40 characters, 20 fit) - at"
        " `table shop.orders on SERVER → read` $.note. Hint: declare it `varchar(40) null`, as the table has it, or"
        " leave the contract out; taken as it is: harmless to `fill`, `rename`, `post`, `store`\n"
    )


def test_what_a_policy_takes_a_column_for_is_told_and_not_judged(explain: Any, database: Database) -> None:
    """The type of the table, what it is taken for and the word for it stand at the source, and the verdict is exact."""
    database.execute(
        "CREATE TABLE flags (id int PRIMARY KEY, b bit(12) NOT NULL, f tinyint(1) NOT NULL, d date NOT NULL)",
        "CREATE TABLE copied LIKE flags",
    )
    Path("p.yaml").write_text(
        "nodes:\n"
        "  read: {class: StreamMySQLTable, options: {url: '${SHOP}', table: flags, bit: bytes, tinyint1: bool,"
        " zero_date: null}}\n"
        "  store: {class: WriteMySQLTable, options: {url: '${SHOP}', table: copied, bit: bytes}}\n"
        "paths: [[read, store]]\n"
    )
    place = "of table `shop`.`flags` on SERVER"
    status, out, _ = explain("store.b", "--connect")
    assert (status, out.splitlines()[3], out.splitlines()[-1]) == (
        0,
        f"  reads    exact  `b` {place}: bit(12) (bits(12)), not null; taken as bit(12) as bytes (bytes(2) padded),"
        " not null, by `bit: bytes`",
        "  becomes  exact  `b` of table `shop`.`copied` on SERVER: bit(12) as bytes (bytes(2) padded), not null",
    )
    lines = [explain(f"read.{name}", "--connect")[1].splitlines()[3] for name in "fd"]
    assert lines == [
        f"  reads  exact  `f` {place}: tinyint(1) (int8), not null; taken as tinyint(1) as bool (bool), not null,"
        " by `tinyint1: bool`",
        f"  reads  exact  `d` {place}: date, not null; taken as date, may be null, by `zero_date: null`",
    ]
    data = json.loads(explain("read.f", "--connect", "--format", "json")[1])["paths"][0][0]["outside"]
    assert (data["column"]["type"], data["taken"]["type"], data["policy"], data["verdict"]) == (
        "tinyint(1)",
        "tinyint(1) as bool",
        "tinyint1: bool",
        "exact",
    )


def test_a_renamed_column_with_a_dot(explain: Any) -> None:
    """Its first name is told, dots and all."""
    _, out, _ = explain("post.price", "--connect")
    assert "  gives    renamed    `unit.price` to `price`: decimal(10,2), not null\n" in out
    assert '  becomes  JSON       string, such as "99999999.99"; POST https://api.example.com/{id}\n' in out
    assert explain("read.unit.price")[0] == 0


def test_a_missing_table_is_told_and_the_rest_explained(explain: Any, database: Database) -> None:
    """The exit status is that of check: refused."""
    database.execute("DROP TABLE target")
    status, out, err = explain("store.id", "--connect")
    user = database.server.user
    assert (status, err) == (
        2,
        "p.yaml:9:3: node `store`: there is no table `shop`.`target` on SERVER, or"
        f" `{user}` may not see it\n1 problem\n",
    )
    assert "  becomes  unchecked  `id` of table `target`; --connect looks at it\n" in out
    assert main(["check", "p.yaml", "--connect"]) == 2
