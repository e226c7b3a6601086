"""`nanotyped explain`: the way of a column, as the check saw it."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from examples.demo.shop import SCHEMA
from nanotyped import NanoNode, Schema
from nanotyped.cli import main
from nanotyped.node import Origin
from nanotyped.registry import register_node, temporary_registry

DEMO = Path(__file__).parents[3] / "examples" / "demo"
CONNECT = "look at its live table with --connect, or declare its output_schema"


class Rows(NanoNode[object, Any]):
    """A source of no rows, of the columns that it declares."""

    def generator(self) -> Iterator[Any]:
        yield from ()


class Score(NanoNode[object, Any]):
    """A node of a user's own."""

    def process_item(self, row: Any) -> Iterator[Any]:
        yield {}


class Weigh(NanoNode[object, Any]):
    """A node of a user's own that tells where its column comes from."""

    output_schema = {"weight": "float"}

    def process_item(self, row: Any) -> Iterator[Any]:
        yield {}

    def column_origin(self, column: str, given: Schema | None) -> Origin:
        if column == "weight":
            return Origin("made", ("grams",), "a thousandth")
        return super().column_origin(column, given)


class End(NanoNode[object, Any]):
    """A sink of a user's own."""

    def process_item(self, row: Any) -> None: ...


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to work in, with the demo and an empty shop; nothing in the environment colours what is printed."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOP_URL", "sqlite:///shop.db")
    monkeypatch.setenv("API_URL", "https://api.example.com/v1")
    with closing(sqlite3.connect("shop.db")) as shop:
        shop.executescript(SCHEMA)
    for name in ("shop_to_api.yaml", "refused.yaml"):
        shutil.copy(DEMO / name, tmp_path)
    with temporary_registry():
        for cls in (Rows, Score, Weigh, End):
            register_node(cls)
        yield tmp_path


@pytest.fixture
def explain(capsys: pytest.CaptureFixture[str]) -> Any:
    """What the command prints: its exit status, its output, its errors."""

    def call(*words: str) -> tuple[int, str, str]:
        status = main(["explain", *words])
        return status, *capsys.readouterr()

    return call


def write(nodes: str, paths: str) -> None:
    """Write a pipeline as `p.yaml`."""
    Path("p.yaml").write_text(f"nodes:\n{nodes}paths: {paths}\n")


# -- the demo --------------------------------------------------------------------------------


def test_a_column_from_a_live_table_to_the_wire(explain: Any) -> None:
    """With --connect every step has its type and its verdict, from the column of the table to the JSON."""
    assert explain("shop_to_api.yaml", "post.order_id", "--connect") == (
        0,
        "`order_id` as it arrives at `post`\n"
        "\n"
        "read_orders  StreamTable\n"
        "  reads    exact      `id` of table `orders` of shop.db: bigint unsigned (uint64), not null\n"
        "  gives    read       `id`: bigint unsigned (uint64), not null\n"
        "\n"
        "keep_paid  Filter\n"
        "  takes    exact      `id`\n"
        "  gives    passed on  `id`: bigint unsigned (uint64), not null\n"
        "\n"
        "rename  Remapper\n"
        "  uses     exact      `id`\n"
        "  gives    renamed    `id` to `order_id`: bigint unsigned (uint64), not null\n"
        "\n"
        "post  HttpPostRequest\n"
        "  needs    exact      `order_id` as bigint unsigned (uint64), not null\n"
        '  becomes  JSON       string, such as "18446744073709551615"; POST ${API_URL}/orders\n',
        "",
    )


def test_without_connect_the_way_is_told_by_names(explain: Any) -> None:
    """A table that was not looked at leaves the types unknown, and says how they would be known."""
    assert explain("shop_to_api.yaml", "post.note") == (
        0,
        "`note` as it arrives at `post`\n"
        "\n"
        "read_orders  StreamTable\n"
        "  reads    unchecked  `note` of table `orders`; --connect looks at it\n"
        f"  gives    read       `note`, not known: {CONNECT}\n"
        "\n"
        "keep_paid  Filter\n"
        "  takes    unchecked  `note`; what comes is not known before the run\n"
        "  gives    passed on  `note`, not known: it follows `read_orders`\n"
        "\n"
        "rename  Remapper\n"
        "  takes    unchecked  `note`; what comes is not known before the run\n"
        "  gives    passed on  `note`, not known: it follows `read_orders`\n"
        "\n"
        "post  HttpPostRequest\n"
        "  needs    unchecked  `note` as varchar(200) (string(200)), may be null; what comes is not known before"
        " the run\n"
        '  becomes  JSON       string, such as "Ada", or null; POST ${API_URL}/orders\n',
        "",
    )


def test_a_pipeline_that_is_refused_is_explained_with_the_words_of_check(explain: Any) -> None:
    """The broken step says what `check` says; a column that cannot be made begins there."""
    assert explain("refused.yaml", "post.paid_at", "--connect") == (
        0,
        "`paid_at` as it arrives at `post`\n"
        "\n"
        "read_orders  StreamTable\n"
        "  reads    exact         `paid_at` of table `orders` of shop.db: timestamp(6), may be null\n"
        "  gives    read          `paid_at`: timestamp(6), may be null\n"
        "\n"
        "rename  Remapper\n"
        "  uses     exact         `paid_at`\n"
        "  gives    passed on     `paid_at`: timestamp(6), may be null\n"
        "  refused                node `rename`: there is no column `totl`. Hint: did you mean `total`?\n"
        "\n"
        "post  HttpPostRequest\n"
        "  needs    incompatible  `paid_at` as timestamp(6), not null\n"
        '  becomes  JSON          string, such as "2026-11-21T09:30:15.123456Z", or null; POST ${API_URL}/orders\n'
        "  refused                Expected `timestamp(6)`, got `timestamp(6) null` (it may be null) - at"
        " `rename → post` $.paid_at. Hint: drop the nulls first: Filter(test='value_is_not_none', key='paid_at')\n",
        "",
    )
    assert explain("refused.yaml", "rename.total", "--connect")[1] == (
        "`total` as it leaves `rename`\n"
        "\n"
        "rename  Remapper\n"
        "  gives    nothing  `total` cannot be made\n"
        "  refused           node `rename`: there is no column `totl`. Hint: did you mean `total`?\n"
    )


def test_all_columns_of_a_node(explain: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a column it is a table: type, first step and worst verdict of each; what is refused stands below."""
    status, out, err = explain("refused.yaml", "post", "--connect")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[:7] == [
        "Column    Type               Intermediate  From                     Verdict",
        "order_id  bigint unsigned    uint64        read_orders.id           lossy",
        "customer  int unsigned       uint32        read_orders.customer_id  exact",
        "total     null               null          rename.total             exact",
        "currency  varchar(3)         string(3)     read_orders.currency     exact",
        "paid_at   timestamp(6) null  timestamp(6)  read_orders.paid_at      incompatible",
        "note      varchar(200) null  string(200)   read_orders.note         lossy",
    ]
    assert main(["check", "refused.yaml", "--connect"]) == 2
    assert [line.removeprefix("refused  ") for line in lines[7:]] == [
        "node `rename`: there is no column `totl`. Hint: did you mean `total`?",
        "Expected `int unsigned`, got `bigint unsigned` (it may be above 4294967295) - at `rename → post` $.order_id. "
        "Hint: declare it `bigint unsigned`, or put a Cast to `int unsigned` between them that says what may be lost",
        "Expected `timestamp(6)`, got `timestamp(6) null` (it may be null) - at `rename → post` $.paid_at. "
        "Hint: drop the nulls first: Filter(test='value_is_not_none', key='paid_at')",
        "Expected `varchar(100)`, got `varchar(200)` (it may have 200 characters, 100 fit) - at `rename → post` $.note."
        " Hint: declare it `varchar(200)`, or put a Cast to `varchar(100)` between them that says what may be lost",
    ]


def test_all_columns_of_a_node_whose_input_is_not_known(explain: Any) -> None:
    """Those that it declares are told, unchecked; where none are, what would let them be known."""
    status, out, _ = explain("shop_to_api.yaml", "post")
    assert (status, out.splitlines()[:2]) == (
        0,
        [
            "Column    Type     Intermediate  From                     Verdict",
            "order_id  unknown  unknown       read_orders.id           unchecked",
        ],
    )
    assert explain("shop_to_api.yaml", "keep_paid") == (
        2,
        "",
        f"nanotyped: the columns of `keep_paid` are not known: of `read_orders`, {CONNECT}\n",
    )


def test_a_table_that_cannot_be_looked_at_is_told_and_the_rest_explained(explain: Any) -> None:
    """What `check --connect` says goes to stderr, with its exit status; the way is told all the same."""
    Path("shop.db").unlink()
    status, out, err = explain("shop_to_api.yaml", "post.note", "--connect")
    assert (status, err) == (
        2,
        "shop_to_api.yaml:4:3: node `read_orders`: there is no database file `shop.db`\n1 problem\n",
    )
    assert out.startswith("`note` as it arrives at `post`\n\nread_orders  StreamTable\n  reads    unchecked")


def test_a_file_with_mistakes_is_explained_as_far_as_it_goes(explain: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """All mistakes stand on stderr, as from check; a node that cannot be made is a step, refused in the same words."""
    write(
        "  read: {class: Rows, output_schema: {id: bigint, day: date}}\n"
        "  keep: {class: Filter, options: {test: value_is_ture, key: id}}\n"
        "  set: {class: InsertDate}\n"
        "  post: {class: HttpPostRequest, input_schema: {id: int}, options: {url: 'ftp://x'}}\n",
        "[[read, keep, set, post], [keep, odd]]",
    )
    url = "HttpPostRequest refuses its options: url: it must start with http:// or https://"
    options = (
        "option `test`: expected `key_exists`, `value_is_not_none` or `value_is_true`, got the text 'value_is_ture'"
    )
    status, out, err = explain("p.yaml", "post.id")
    assert status == 2
    assert out == (
        "`id` as it arrives at `post`\n"
        "\n"
        "read  Rows\n"
        "  gives    made by Rows  `id`: bigint (int64), not null\n"
        "\n"
        "keep  Filter\n"
        "  takes    exact         `id`\n"
        "  gives    unknown       `id`, not known: mend it first\n"
        f"  refused                {options}\n"
        "\n"
        "set  InsertDate\n"
        "  takes    unchecked     `id`; what comes is not known before the run\n"
        "  gives    unknown       `id`, not known: mend it first\n"
        "  refused                no node class is registered as `InsertDate`; did you mean `InsertData`?\n"
        "\n"
        "post  HttpPostRequest\n"
        "  needs    unchecked     `id` as int (int32), not null; what comes is not known before the run\n"
        f"  refused                {url}\n"
    )
    assert err == (
        f"p.yaml:3:41: {options}\n"
        "p.yaml:4:16: no node class is registered as `InsertDate`; did you mean `InsertData`?\n"
        f"p.yaml:5:74: {url}\n"
        "p.yaml:6:41: unknown node `odd`; known are `read`, `keep`, `set`, `post`\n"
        "4 problems\n"
    )
    assert (main(["check", "p.yaml"]), capsys.readouterr().err) == (2, err)


@pytest.mark.parametrize("file", ["shop_to_api.yaml", "refused.yaml"])
def test_whatever_line_is_missing_there_is_an_answer(explain: Any, file: str) -> None:
    """A file without any one of its lines is explained, or refused with what is wrong with it."""
    lines = Path(file).read_text(encoding="utf-8").splitlines(keepends=True)
    for number in range(len(lines)):
        Path("p.yaml").write_text("".join(lines[:number] + lines[number + 1 :]), encoding="utf-8")
        for target in ("post.note", "post", "rename.total", "read_orders.id"):
            status, out, err = explain("p.yaml", target, "--connect")
            assert status in (0, 2)
            assert out or err
            assert "internal error" not in err


def test_a_node_that_nothing_is_linked_to_is_told(explain: Any) -> None:
    """Where its only link leads to no node, it stands alone, and so does what is known of it."""
    write("  read: {class: Score}\n  end: {class: End}\n", "[[read, odd]]")
    for target in ("read", "end"):
        status, out, err = explain("p.yaml", target)
        assert (status, out) == (2, "")
        assert err.splitlines()[-1] == (
            f"nanotyped: the columns of `{target}` are not known: of `{target}`, declare its output_schema"
        )


def test_a_declaration_that_is_wrong_hides_nothing_else(explain: Any) -> None:
    """A node whose declared output does not fit its options is told as far as it is known."""
    write(
        "  read: {class: Score}\n  set: {class: InsertData, options: {value_dict: {a: 1}}, output_schema: {b: int}}\n"
        "  read2: {class: Rows, output_schema: {id: int}}\n"
        "  set2: {class: InsertData, options: {value_dict: {a: 1}}, output_schema: {b: int}}\n  end: {class: End}\n",
        "[[read, set, end], [read2, set2, set]]",
    )
    assert explain("p.yaml", "set2.id")[1].splitlines()[-2:] == [
        "  gives    passed on     `id`: int (int32), not null",
        "  refused                node `set2`, value_dict: output_schema declares `b`, but value_dict holds `a`",
    ]
    assert explain("p.yaml", "set2")[0] == 0
    assert explain("p.yaml", "set")[0] == 0


def test_a_cycle_is_told(explain: Any) -> None:
    """There is no way through a cycle: its problem is all that can be told."""
    write(
        "  read: {class: Rows, output_schema: {id: int}}\n  a: {class: Score}\n  b: {class: Score}\n",
        "[[read, a, b, a]]",
    )
    assert explain("p.yaml", "b.id") == (
        2,
        "",
        "p.yaml:5:22: cycle: `b` → `a` → `b`\n1 problem\nnanotyped: no column `id` leaves `b`; the columns are none\n",
    )


# -- what nodes do -------------------------------------------------------------------------------

MANY = """\
  read:
    class: Rows
    output_schema: {id: bigint, amount: "decimal(12,2) null", name: varchar(9), unit.price: int, "odd name": date}
  cast: {class: Cast, options: {columns: {id: {type: int, lossy: saturate}}}}
  set: {class: InsertData, options: {value_dict: {name: NL, amount: 1}, overwrite: false}}
  fix: {class: InsertData, options: {value_dict: {name: "${TOKEN}"}}}
  score: {class: Score, output_schema: {score: float, id: int}}
  document: {class: Remapper, options: {mapping: {both: {id: id, name: name}}}}
  end: {class: End, input_schema: {id: bigint}}
"""


def test_cast_rename_constants_and_nodes_of_ones_own(explain: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each says what it does: casts and how it may lose, fills nulls, sets a constant, makes; secrets stay hidden."""
    monkeypatch.setenv("TOKEN", "s3same")
    write(MANY, "[[read, cast, set, fix, score, document, end]]")
    assert explain("p.yaml", "cast.id")[1] == (
        "`id` as it leaves `cast`\n"
        "\n"
        "read  Rows\n"
        "  gives  made by Rows  `id`: bigint (int64), not null\n"
        "\n"
        "cast  Cast\n"
        "  uses   exact         `id`\n"
        "  gives  cast          `id`: int (int32), not null; lossy: saturate\n"
    )
    assert explain("p.yaml", "set.amount")[1] == (
        "`amount` as it leaves `set`\n"
        "\n"
        "read  Rows\n"
        "  gives  made by Rows  `amount`: decimal(12,2), may be null\n"
        "\n"
        "cast  Cast\n"
        "  takes  exact         `amount`\n"
        "  gives  passed on     `amount`: decimal(12,2), may be null\n"
        "\n"
        "set  InsertData\n"
        "  takes  exact         `amount`\n"
        "  gives  filled        `amount`: decimal(12,2), not null; nulls become Decimal('1.00')\n"
    )
    assert explain("p.yaml", "fix.name")[1] == (
        "`name` as it leaves `fix`\n"
        "\n"
        "fix  InsertData\n"
        "  gives  constant  `name`: string(6) charset ascii, not null; '${TOKEN}'; in place of the `name` that came\n"
    )
    assert explain("p.yaml", "end.id")[1] == (
        "`id` as it arrives at `end`\n"
        "\n"
        "score  Score\n"
        "  gives  made by Score  `id`: int (int32), not null; in place of the `id` that came\n"
        "\n"
        "document  Remapper\n"
        "  uses   exact          `id`\n"
        "  gives  passed on      `id`: int (int32), not null\n"
        "\n"
        "end  End\n"
        "  needs  widening       `id` as bigint (int64), not null\n"
    )
    assert explain("p.yaml", "document.both")[1] == (
        "`both` as it leaves `document`\n"
        "\n"
        "document  Remapper\n"
        "  gives  made by Remapper  `both`: json, not null; of `id`, `name`\n"
    )


def test_names_with_dots_and_blanks(explain: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The node ends at the first dot before which the name of one stands; the rest is the column, whatever is in it."""
    monkeypatch.setenv("TOKEN", "s3same")
    write(MANY.replace("  read:", "  till.read:"), "[[till.read, cast, set, fix, score, document, end]]")
    for column in ("unit.price", "odd name"):
        status, out, err = explain("p.yaml", f"till.read.{column}")
        assert (status, err) == (0, "")
        assert out.startswith(
            f"`{column}` as it leaves `till.read`\n\ntill.read  Rows\n  gives  made by Rows  `{column}`: "
        )
    assert explain("p.yaml", "till.read")[1].splitlines()[4].startswith("unit.price")


def test_a_node_of_ones_own_that_declares_nothing(explain: Any) -> None:
    """Its columns are not known; one that it needs behind it is unchecked, and may be passed on or not."""
    write(
        "  read: {class: Rows, output_schema: {id: int}}\n  score: {class: Score}\n"
        "  end: {class: End, input_schema: {id: int, more: int}}\n",
        "[[read, score, end]]",
    )
    assert explain("p.yaml", "end.id")[1] == (
        "`id` as it arrives at `end`\n"
        "\n"
        "read  Rows\n"
        "  gives  made by Rows  `id`: int (int32), not null\n"
        "\n"
        "score  Score\n"
        "  takes  exact         `id`\n"
        "  gives  unknown       `id`, not known: declare its output_schema\n"
        "\n"
        "end  End\n"
        "  needs  unchecked     `id` as int (int32), not null; what comes is not known before the run\n"
    )
    assert explain("p.yaml", "end.more")[1].splitlines()[2:4] == [
        "score  Score",
        "  gives  unknown    `more`, not known: declare its output_schema",
    ]


def test_a_node_of_ones_own_may_tell_more(explain: Any) -> None:
    """What `column_origin` says is told, and the way goes on from the column that it names."""
    write(
        "  read: {class: Rows, output_schema: {grams: int}}\n  weigh: {class: Weigh}\n  end: {class: End}\n",
        "[[read, weigh, end]]",
    )
    assert explain("p.yaml", "weigh.weight")[1] == (
        "`weight` as it leaves `weigh`\n"
        "\n"
        "read  Rows\n"
        "  gives  made by Rows   `grams`: int (int32), not null\n"
        "\n"
        "weigh  Weigh\n"
        "  takes  exact          `grams`\n"
        "  gives  made by Weigh  `weight`: float (float32), not null; of `grams`; a thousandth\n"
    )


def test_files_and_tables_are_ends(explain: Any) -> None:
    """A CSV file and JSON lines tell the text of a cell and of a null, a table that was not looked at its name."""
    write(
        "  read: {class: ReadRows, options: {path: in.csv}, output_schema: {day: date null, note: varchar(9) null}}\n"
        "  csv: {class: WriteRows, options: {path: out.csv}}\n  lines: {class: WriteRows, options: {path: out.jsonl}}\n"
        "  table: {class: WriteMySQLTable, options: {table: days, user: u, database: d}}\n",
        "[[read, csv, lines, table]]",
    )
    assert explain("p.yaml", "table.day")[1] == (
        "`day` as it arrives at `table`\n"
        "\n"
        "read  ReadRows\n"
        "  reads    CSV        text, such as 2026-11-21; null is an empty cell; file in.csv\n"
        "  gives    read       `day`: date, may be null\n"
        "\n"
        "csv  WriteRows\n"
        "  takes    exact      `day`\n"
        "  gives    passed on  `day`: date, may be null\n"
        "  becomes  CSV        text, such as 2026-11-21; null is an empty cell; file out.csv\n"
        "\n"
        "lines  WriteRows\n"
        "  takes    exact      `day`\n"
        "  gives    passed on  `day`: date, may be null\n"
        '  becomes  JSON       string, such as "2026-11-21", or null; file out.jsonl\n'
        "\n"
        "table  WriteMySQLTable\n"
        "  takes    exact      `day`\n"
        "  becomes  unchecked  `day` of table `days`; --connect looks at it\n"
    )
    assert "  becomes  CSV        text, such as Ada; null is \\N; file out.csv\n" in explain("p.yaml", "csv.note")[1]


# -- several paths ----------------------------------------------------------------------------------

DIAMOND = """\
  read: {class: Rows, output_schema: {id: int, total: int}}
  left: {class: Cast, options: {columns: {total: bigint}}}
  right: {class: Remapper, options: {mapping: {total: id}}}
  other: {class: Rows, output_schema: {total: varchar(9)}}
  end: {class: End, input_schema: {total: bigint}}
"""


def test_every_path_of_a_diamond_and_a_fan_in_is_told(explain: Any) -> None:
    """Each with its own way and verdict."""
    write(DIAMOND, "[[read, left, end], [read, right, end], [other, end]]")
    assert explain("p.yaml", "end.total") == (
        0,
        "`total` as it arrives at `end`\n"
        "\n"
        "path 1 of 3: read → left → end\n"
        "\n"
        "read  Rows\n"
        "  gives    made by Rows  `total`: int (int32), not null\n"
        "\n"
        "left  Cast\n"
        "  uses     exact         `total`\n"
        "  gives    cast          `total`: bigint (int64), not null; lossy: fail\n"
        "\n"
        "end  End\n"
        "  needs    exact         `total` as bigint (int64), not null\n"
        "\n"
        "path 2 of 3: read → right → end\n"
        "\n"
        "read  Rows\n"
        "  gives    made by Rows  `id`: int (int32), not null\n"
        "\n"
        "right  Remapper\n"
        "  uses     exact         `id`\n"
        "  gives    renamed       `id` to `total`: int (int32), not null; in place of the `total` that came\n"
        "\n"
        "end  End\n"
        "  needs    widening      `total` as bigint (int64), not null\n"
        "\n"
        "path 3 of 3: other → end\n"
        "\n"
        "other  Rows\n"
        "  gives    made by Rows  `total`: varchar(9) (string(9)), not null\n"
        "\n"
        "end  End\n"
        "  needs    incompatible  `total` as bigint (int64), not null\n"
        "  refused                Expected `bigint`, got `varchar(9)` - at `other → end` $.total. Hint: put a Cast to"
        " `bigint` between them\n",
        "",
    )
    assert explain("p.yaml", "end")[1].splitlines()[2] == (
        "total   bigint or int or varchar(9)  int64 or int32 or string(9)  "
        "read.total or read.id or other.total  incompatible"
    )


def test_many_paths_are_bounded(explain: Any) -> None:
    """Of ever so many ways the first are told, and that there are more."""
    nodes = ["  n0: {class: Rows, output_schema: {id: int}}\n"]
    paths = []
    for number in range(12):
        ends = (f"a{number}", f"b{number}")
        nodes += [f"  {end}: {{class: PrinterOfThings}}\n" for end in (*ends, f"n{number + 1}")]
        paths += [f"[n{number}, {end}, n{number + 1}]" for end in ends]
    write("".join(nodes), f"[{', '.join(paths)}]")
    status, out, _ = explain("p.yaml", "n12.id")
    assert (status, out.count("path "), out.splitlines()[-1]) == (0, 32, "there are more paths, which are not told")


def test_behind_too_many_kinds_of_row_the_way_begins_anew(explain: Any) -> None:
    """Where so many kinds of row meet that they are not followed, that is said, and the column is unchecked there."""
    nodes = ["  n0: {class: Rows, output_schema: {id: int}}\n"]
    paths = []
    for number in range(8):
        ends = (f"a{number}", f"b{number}")
        nodes += [f"  {end}: {{class: InsertData, options: {{value_dict: {{{end}: 1}}}}}}\n" for end in ends]
        nodes += [f"  n{number + 1}: {{class: PrinterOfThings}}\n"]
        paths += [f"[n{number}, {end}, n{number + 1}]" for end in ends]
    write("".join([*nodes, "  end: {class: End}\n"]), f"[{', '.join(paths)}, [n8, end]]")
    assert explain("p.yaml", "n8.id") == (
        0,
        "`id` as it leaves `n8`\n"
        "\n"
        "n8  PrinterOfThings\n"
        "  takes    unchecked  `id`; what comes is not known before the run\n"
        "  gives    passed on  `id`, not known: declare its output_schema\n"
        "  refused             rows of 256 different schemas reach `n8`, and 128 are the most that are followed."
        " Hint: let branches that meet give the same columns\n",
        "",
    )


# -- what is not there -----------------------------------------------------------------------------


def test_nodes_and_columns_that_are_not_there(explain: Any) -> None:
    """The nearest name; where the column was last given, and who did not pass it on; and what the check says of it."""
    assert explain("shop_to_api.yaml", "psot.id") == (
        2,
        "",
        "nanotyped: there is no node `psot`; did you mean `post`?\n",
    )
    assert explain("shop_to_api.yaml", "x") == (
        2,
        "",
        "nanotyped: there is no node `x`; the nodes are `read_orders`, `keep_paid`, `rename`, `post`\n",
    )
    assert explain("shop_to_api.yaml", "post.customer_id", "--connect") == (
        2,
        "",
        "nanotyped: no column `customer_id` arrives at `post`; did you mean `customer`?\n"
        "`keep_paid` was the last to give it, as int unsigned; `rename` does not pass it on\n",
    )
    assert explain("shop_to_api.yaml", "rename.zzz", "--connect")[2] == (
        "nanotyped: no column `zzz` leaves `rename`; the columns are `order_id`, `customer`, `total`, `currency`,"
        " `paid_at`, `note`\n"
    )
    write(
        "  read: {class: Rows, output_schema: {placed_at: datetime}}\n"
        "  end: {class: End, input_schema: {placed: datetime}}\n",
        "[[read, end]]",
    )
    assert explain("p.yaml", "end.placed") == (
        2,
        "",
        "nanotyped: no column `placed` arrives at `end`; did you mean `placed_at`?\n"
        "Expected `datetime`, got nothing - at `read → end` $.placed. Hint: did you mean `placed_at`?\n",
    )


# -- other forms ----------------------------------------------------------------------------------------


def test_programs_get_the_same_as_data(explain: Any) -> None:
    """With `--format json` the steps are objects; the example is the JSON itself."""
    status, out, err = explain("shop_to_api.yaml", "post.customer", "--connect", "--format", "json")
    assert (status, err) == (0, "")
    found = json.loads(out)
    kind = {"type": "int unsigned", "intermediate": "uint32", "nullable": False}
    assert {key: value for key, value in found.items() if key != "paths"} == {
        "file": "shop_to_api.yaml",
        "node": "post",
        "column": "customer",
        "has_more": False,
    }
    [steps] = found["paths"]
    assert [step["node"] for step in steps] == ["read_orders", "keep_paid", "rename", "post"]
    assert steps[0] == {
        "node": "read_orders",
        "class": "StreamTable",
        "arrives": None,
        "leaves": {
            "column": "customer_id",
            "given": kind,
            "origin": "made",
            "from": [],
            "detail": "",
            "replaces": False,
        },
        "outside": {"place": "table `orders` of shop.db", "form": "column", "column": kind, "verdict": "exact"},
        "problems": [],
    }
    assert steps[2]["leaves"] | {"given": None} == {
        "column": "customer",
        "given": None,
        "origin": "renamed",
        "from": ["customer_id"],
        "detail": "",
        "replaces": False,
    }
    assert steps[3] == {
        "node": "post",
        "class": "HttpPostRequest",
        "arrives": {"column": "customer", "given": kind, "needed": kind, "is_read": True, "verdict": "exact"},
        "leaves": None,
        "outside": {
            "place": "POST ${API_URL}/orders",
            "form": "json",
            "schema": {"type": "integer", "minimum": 0, "maximum": 4294967295},
            "example": 4294967295,
        },
        "problems": [],
    }
    columns = json.loads(explain("shop_to_api.yaml", "post", "--connect", "--format", "json")[1])["columns"]
    assert columns[1] == {
        "column": "customer",
        "types": [kind],
        "from": ["read_orders.customer_id"],
        "verdict": "exact",
    }


@pytest.mark.parametrize("width", [20, 44])
def test_a_narrow_terminal_breaks_lines_and_nothing_else(
    explain: Any, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    """No line is wider than the terminal, the words are the same, and verdicts have their colours."""
    plain = explain("refused.yaml", "post.note", "--connect")[1]
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(width))
    coloured = explain("refused.yaml", "post.note", "--connect")[1]
    assert "\x1b[32mexact" in coloured
    assert "\x1b[1;31mlossy" in coloured
    shown = re.sub(r"\x1b\[[\d;]*m", "", coloured)
    assert max(map(len, shown.splitlines())) <= width
    assert "".join(shown.split()) == "".join(plain.split())
    table = re.sub(r"\x1b\[[\d;]*m", "", explain("shop_to_api.yaml", "post", "--connect")[1])
    assert max(map(len, table.splitlines())) <= width


def test_a_table_that_is_wider_than_the_terminal_is_stacked(explain: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is cut off: each column of the node has a line for everything that is told of it."""
    wide = explain("shop_to_api.yaml", "post", "--connect")[1].splitlines()
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    coloured = explain("shop_to_api.yaml", "post", "--connect")[1]
    assert "\x1b[32mexact" in coloured
    lines = re.sub(r"\x1b\[[\d;]*m", "", coloured).splitlines()
    assert max(map(len, lines)) <= 60
    head, *rows = [re.split("  +", line) for line in wide]
    expected = []
    for row in rows:
        expected += [row[0], *(f"  {label.ljust(12)}  {cell}" for label, cell in zip(head[1:], row[1:], strict=True))]
    assert lines == expected
