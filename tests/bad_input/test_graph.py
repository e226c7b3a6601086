from __future__ import annotations

import pytest

from tests.support.program import Case, Doorbell, Workplace, counted

CSV = "id,who\r\n1,ada\r\n"


def pipeline(nodes: str, paths: str) -> str:
    """Return a pipeline of some nodes beside a file that is read, a table that is read, and an API."""
    return f"""\
nodes:
  file: {{class: ReadRows, output_schema: {{id: int, who: varchar(9)}}, options: {{path: in.csv}}}}
  table: {{class: StreamMySQLTable, options: {{host: 127.0.0.1, port: PORT, user: u, database: d, table: t}}}}
  post: {{class: HttpPostRequest, options: {{url: "http://127.0.0.1:PORT/bills"}}}}
{nodes}
paths: [{paths}]
"""


def writer(name: str, path: str = "out.csv", more: str = "") -> str:
    """Return a node that writes a file."""
    return f"  {name}: {{class: WriteRows{more}, options: {{path: {path}}}}}\n"


SAME = "class: ReadRows, output_schema: {id: int, who: varchar(9)}, options: {path: in.csv}"
OTHER = "class: ReadRows, output_schema: {id: int, whom: varchar(9)}, options: {path: in.csv}"
WIDER = "class: ReadRows, output_schema: {id: int, who: varchar(99)}, options: {path: in.csv}"
MANY = [f"n{number}" for number in range(100)]
CASES = [
    Case(
        "cycle",
        pipeline("  a: {class: PrinterOfThings}\n  b: {class: PrinterOfThings}", "[file, a, b, a], [table, post]"),
        ("p.yaml:7:22: cycle: `b` → `a` → `b`",),
    ),
    Case(
        "cycle in two paths",
        pipeline("  a: {class: PrinterOfThings}\n  b: {class: PrinterOfThings}", "[file, a, b, post], [table, b, a]"),
        ("p.yaml:7:40: cycle: `b` → `a` → `b`",),
    ),
    Case(
        "itself", pipeline("", "[file, post, post], [table, post]"), ("p.yaml:6:22: `post` cannot be linked to itself",)
    ),
    Case(
        "nobody links it",
        pipeline("  lost: {class: PrinterOfThings}", "[file, post], [table, post]"),
        ("p.yaml:5:3: node `lost` is in no path",),
    ),
    Case(
        "two pipelines",
        pipeline("  show: {class: PrinterOfThings}", "[file, post], [table, show]"),
        ("p.yaml:3:3: nothing links `table` to `file`; two pipelines are two files",),
    ),
    Case(
        "no source",
        pipeline("  show: {class: PrinterOfThings}", "[show, post], [file, post], [table, post]"),
        (
            (
                "p.yaml:5:3: node `show` has no input, and PrinterOfThings has no generator to be a "
                "source with. Hint: link a source to `show`"
            ),
        ),
    ),
    Case(
        "source with an input",
        pipeline("", "[file, table, post]"),
        (
            (
                "p.yaml:3:3: node `table` has inputs, and StreamMySQLTable has no process_item to take "
                "rows with. Hint: a source cannot be linked to"
            ),
        ),
    ),
    Case(
        "behind a sink",
        pipeline("  show: {class: PrinterOfThings}", "[file, post, show], [table, show]"),
        (
            (
                "p.yaml:4:3: node `post` gives nothing, and nothing can be linked behind it. Hint: link "
                "both to the node before it, or give response_schema"
            ),
        ),
    ),
    Case(
        "missing column",
        pipeline(
            "  filter: {class: Filter, options: {test: value_is_true, key: payed}}",
            "[file, filter, post], [table, post]",
        ),
        ("p.yaml:5:63: node `filter`: there is no column `payed`. Hint: the columns are `id`, `who`",),
    ),
    Case(
        "column for the URL",
        pipeline("", "[file, post], [table, post]").replace("/bills", "/{idd}"),
        ("p.yaml:4:3: node `post`, url: there is no column `idd` for the placeholder. Hint: did you mean `id`?",),
    ),
    Case(
        "contract",
        pipeline("", "[file, post], [table, post]").replace(
            "HttpPostRequest, ", "HttpPostRequest, input_schema: {id: smallint, who: int, at: date}, "
        ),
        (
            (
                "p.yaml:4:3: Expected `smallint`, got `int` (it may be below -32768) - at `file → post` "
                "$.id. Hint: declare it `int`, or put a Cast to `smallint` between them that says what "
                "may be lost"
            ),
            (
                "p.yaml:4:3: Expected `int`, got `varchar(9)` - at `file → post` $.who. Hint: put a Cast "
                "to `int` between them"
            ),
            "p.yaml:4:3: Expected `date`, got nothing - at `file → post` $.at. Hint: the columns are `id`, `who`",
        ),
    ),
    Case(
        "no schema",
        pipeline("", "[file, post], [table, post]").replace("output_schema: {id: int, who: varchar(9)}, ", ""),
        (
            (
                "p.yaml:2:3: node `file`, output_schema: the file does not say what it holds: declare "
                "its columns and their types"
            ),
        ),
    ),
    Case(
        "unchecked",
        pipeline("", "[file, post], [table, post]"),
        (
            (
                "p.yaml:3:3: the edge `table → post` is unchecked: what `table` gives is not known. "
                "Hint: look at its live table with --connect, or declare its output_schema"
            ),
        ),
        words=("check", "--strict", "p.yaml"),
    ),
    Case(
        "two writers of a file",
        pipeline(
            writer("one") + writer("two", "./x/../out.csv"), "[file, one], [file, two], [file, post], [table, post]"
        ),
        (
            (
                "p.yaml:6:3: nodes `one` and `two` write one file, HERE/out.csv. Hint: give each a path "
                "of its own, or link both inputs to one of them"
            ),
        ),
    ),
    Case(
        "other columns for a file",
        pipeline(writer("keep") + f"  other: {{{OTHER}}}", "[file, keep], [other, keep], [keep, post], [table, post]"),
        (
            (
                "p.yaml:5:3: node `keep`: rows of `file` and `other` are to go into one file, and their "
                "columns are `id`, `who` and `id`, `whom`. Hint: bring them to one schema before, with "
                "Cast and Remapper, or write two files"
            ),
        ),
    ),
    Case(
        "other types for a file",
        pipeline(
            writer("keep", "out.jsonl") + f"  other: {{{WIDER}}}",
            "[file, keep], [other, keep], [keep, post], [table, post]",
        ),
        (
            (
                "p.yaml:5:3: node `keep`: rows of `file` and `other` are to go into one file, and column "
                "`who` is `varchar(9)` and `varchar(99)`. Hint: bring them to one schema before, with "
                "Cast and Remapper, or write two files"
            ),
        ),
    ),
    Case(
        "long circle",
        pipeline(
            "".join(f"  {name}: {{class: PrinterOfThings}}\n" for name in MANY),
            f"[file, post], [table, n0], [{', '.join(MANY)}, n0]",
        ),
        (f"p.yaml:106:527: cycle: `n99` → {' → '.join(f'`{name}`' for name in MANY)}",),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_graph_is_refused(case: Case, workplace: Workplace, bell: Doorbell) -> None:
    """Each mistake is told at its node; nothing is written, printed or connected to, and the status is 2."""
    (workplace.folder / "in.csv").write_text(CSV)
    (workplace.folder / "x").mkdir()
    outcome = workplace.call(case, bell)
    folder = str(workplace.folder)
    assert tuple(line.replace(folder, "HERE") for line in outcome.problems) == counted(case.problems)
    assert (outcome.status, outcome.out, outcome.made, outcome.connections) == (case.status, "", {}, 0)


def test_rows_that_go_together_may_share_a_file(workplace: Workplace, bell: Doorbell) -> None:
    """Inputs of the same columns and types are written one behind the other."""
    text = (
        f"nodes:\n  one: {{{SAME}}}\n  two: {{{SAME}}}\n"
        "  keep: {class: WriteRows, options: {path: out.csv}}\npaths: [[one, keep], [two, keep]]\n"
    )
    (workplace.folder / "in.csv").write_text(CSV)
    outcome = workplace.call(Case("shared", text, ()), bell)
    assert (outcome.status, outcome.made) == (0, {"out.csv": b"id,who\r\n1,ada\r\n1,ada\r\n"})
