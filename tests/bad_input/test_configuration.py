from __future__ import annotations

import pytest

from tests.support.program import Case, Doorbell, Workplace, counted

GOOD = """\
nodes:
  read: {class: StreamMySQLTable, options: {host: 127.0.0.1, port: PORT, user: u, database: d, table: t}}
  post:
    class: HttpPostRequest
    options: {url: "http://127.0.0.1:PORT/bills", timeout_s: 5, headers: {X-Key: hush}}
paths: [[read, post]]
"""
BOMB = "nodes: &a [x, x]\npaths: &b [*a, *a]\nedges: &c [*b, *b]\n"


def option(text: str) -> str:
    """Return the good pipeline with other options of the source."""
    return GOOD.replace("port: PORT, user: u, database: d, table: t", f"port: PORT, {text}")


def post(text: str) -> str:
    """Return the good pipeline with other options of the sink."""
    head, _, tail = GOOD.partition("options: {url")
    return f"{head}options: {{{text}}}\n{tail.partition('}}' + chr(10))[2]}"


CASES = [
    Case("empty", "", ("p.yaml:1:1: the file is empty",)),
    Case("tab", "nodes:\n\ta: 1\n", ("p.yaml:2:1: a tab; YAML indents with blanks",)),
    Case("key given twice", GOOD + "nodes: {}\n", ("p.yaml:7:1: `nodes` is given twice; first on line 1",)),
    Case(
        "option given twice",
        option("table: a, table: b, database: d"),
        ("p.yaml:2:85: `table` is given twice; first on line 2",),
    ),
    Case(
        "object of Python",
        GOOD.replace("u,", "!!python/object/apply:os.system ['touch made'],"),
        ("p.yaml:2:81: a tag (`!!python/object/apply:os.system`); types come from the options of the node",),
    ),
    Case(
        "module of Python",
        GOOD.replace("u,", "!!python/module:os.path '',"),
        ("p.yaml:2:81: a tag (`!!python/module:os.path`); types come from the options of the node",),
    ),
    Case(
        "alias bomb",
        BOMB,
        (
            (
                "p.yaml:1:1: a list of nodes describes a composite, which has a `name`; in a pipeline `nodes` is a "
                "mapping, with the name of each node for its key"
            ),
            "p.yaml:1:8: an anchor (`&a`); it is of no use, for aliases are not read",
            "p.yaml:2:8: an anchor (`&b`); it is of no use, for aliases are not read",
            "p.yaml:2:12: an alias (`*a`); write the value out",
            "p.yaml:2:16: an alias (`*a`); write the value out",
            "p.yaml:3:8: an anchor (`&c`); it is of no use, for aliases are not read",
            "p.yaml:3:12: an alias (`*b`); write the value out",
            "p.yaml:3:16: an alias (`*b`); write the value out",
        ),
    ),
    Case(
        "merge key",
        GOOD.replace("{X-Key: hush}", "{<<: {X-Key: hush}}"),
        ("p.yaml:5:76: a merge key (`<<`); write the keys out",),
    ),
    Case("two documents", GOOD + "---\n" + GOOD, ("p.yaml:7:1: a second document begins here; a file holds one",)),
    Case(
        "depth",
        post("headers: " + "[" * 500_000),
        ("p.yaml:5:52: nested more than 32 deep",),
    ),
    Case("size", GOOD + "#" + "x" * 2**20, ("p.yaml: larger than 1024 KiB, the most that a configuration may have",)),
    Case(
        "endless",
        GOOD,
        ("/dev/zero: larger than 1024 KiB, the most that a configuration may have",),
        words=("run", "/dev/zero"),
    ),
    Case("no UTF-8", GOOD.encode().replace(b"bills", b"b\xe9lls"), ("p.yaml:5:45: the byte 0xe9 is no UTF-8",)),
    Case("UTF-16", GOOD.encode("utf-16"), ("p.yaml:1:1: the byte 0xff is no UTF-8",)),
    Case(
        "NUL",
        GOOD.replace("bills", "bi\0lls"),
        ("p.yaml:5:46: the character U+0000 cannot stand in YAML; escape it in double quotes",),
    ),
    Case(
        "escape codes",
        GOOD.replace("  post:", '  "\\e[2Jpost":'),
        ("p.yaml:6:16: unknown node `post`; did you mean `\\x1b[2Jpost`?",),
    ),
    Case(
        "word for false",
        GOOD.replace("timeout_s: 5", "retain_input: no"),
        ("p.yaml:5:66: option `retain_input`: expected true or false, got the text 'no'",),
    ),
    Case(
        "octal",
        GOOD.replace("timeout_s: 5", "batch_rows: 012"),
        ("p.yaml:5:64: option `batch_rows`: expected a whole number, got the text '012'",),
    ),
    Case(
        "base sixty",
        GOOD.replace("timeout_s: 5", "deadline_s: 12:30:45"),
        ("p.yaml:5:64: option `deadline_s`: expected a number, got the text '12:30:45'",),
    ),
    Case(
        "underscores",
        GOOD.replace("timeout_s: 5", "batch_rows: 1_000"),
        ("p.yaml:5:64: option `batch_rows`: expected a whole number, got the text '1_000'",),
    ),
    Case(
        "hexadecimal",
        GOOD.replace("timeout_s: 5", "batch_rows: 0x10"),
        ("p.yaml:5:64: option `batch_rows`: expected a whole number, got the text '0x10'",),
    ),
    Case(
        "exponent",
        GOOD.replace("timeout_s: 5", "batch_rows: 1e3"),
        ("p.yaml:5:64: option `batch_rows`: expected a whole number, got the number 1000.0",),
    ),
    Case(
        "not a number",
        GOOD.replace("timeout_s: 5", "timeout_s: .nan"),
        ("p.yaml:5:63: option `timeout_s`: expected a number, got the text '.nan'",),
    ),
    Case(
        "infinite",
        GOOD.replace("timeout_s: 5", "timeout_s: 1e999"),
        ("p.yaml:5:63: the number 1e999 is too large for a float",),
    ),
    Case(
        "endless number",
        GOOD.replace("timeout_s: 5", f"batch_rows: {'9' * 5000}"),
        ("p.yaml:5:64: a number of more than 1000 characters",),
    ),
    Case(
        "number for text",
        GOOD.replace("table: t", "table: 5"),
        ('p.yaml:2:104: option `table`: expected text, got the number 5; in quotes it is text: "5"',),
    ),
    Case(
        "null for text",
        GOOD.replace("table: t", "table: ~"),
        ("p.yaml:2:104: option `table`: expected text, got nothing",),
    ),
    Case(
        "comma in a type",
        GOOD.replace(
            "class: HttpPostRequest",
            "class: HttpPostRequest\n    input_schema: {id: int, total: decimal(12,2), at: date}",
        ),
        (
            (
                "p.yaml:5:46: column `total`: a parenthesis is not closed in `decimal(12`; in `{}` and "
                "`[]` a `,` ends a text: put quotes around one that holds a comma"
            ),
        ),
    ),
    Case(
        "comma in an enum",
        GOOD.replace("class: HttpPostRequest", "class: HttpPostRequest\n    input_schema: {size: enum('s','m')}"),
        (
            (
                "p.yaml:5:38: expected `,` or `}`; in `{}` and `[]` a `,` ends a text: put quotes around "
                "one that holds a comma"
            ),
        ),
    ),
    Case(
        "unset variable",
        GOOD.replace("user: u", 'user: "${TILL_USER}"'),
        ("p.yaml:2:82: the environment variable `TILL_USER` is not set",),
    ),
    Case(
        "variable without braces",
        post('url: "$API_URL/bills"'),
        (
            (
                "p.yaml:5:20: HttpPostRequest refuses its options: url: it must start with http:// or "
                "https://; did you mean `${API_URL}` for `$API_URL`?"
            ),
        ),
        variables={"API_URL": "http://127.0.0.1:PORT"},
    ),
    Case(
        "class of a module",
        GOOD.replace("class: HttpPostRequest", "class: os.system"),
        (
            "p.yaml:4:12: no node class is registered as `os.system`; `nanotyped nodes` lists the classes; those of a "
            "module of your own are known with `--module NAME`, composites with `--composite FILE`",
        ),
    ),
    Case(
        "private option",
        option("_server: x, user: u, database: d, table: t"),
        (
            (
                "p.yaml:2:75: unknown option of StreamMySQLTable `_server`; known are `table`, `host`, "
                "`port`, `user`, `password`, `database`, `url`, `columns`, `where`, `parameters`, "
                "`page_rows`, `cursor_column`, `lag`, "
                "`zero_date`, `tinyint1`, `bit`, `schema_contract`, `tls`, `tls_ca`, `connect_timeout_s`, "
                "`read_timeout_s`, `to_row_obj`, and the options of every node"
            ),
        ),
    ),
    Case(
        "misspelt option",
        GOOD.replace("database: d", "databse: d"),
        ("p.yaml:2:84: unknown option of StreamMySQLTable `databse`; did you mean `database`?",),
    ),
    Case(
        "secret for a number",
        GOOD.replace("port: PORT", 'port: "${PW}"'),
        ("p.yaml:2:68: option `port`: expected a whole number, got what `${PW}` holds",),
        variables={"PW": "opensesame"},
    ),
    Case(
        "all at once",
        GOOD.replace("class: HttpPostRequest", "clas: HttpPostRequest")
        .replace("port: PORT", "prt: 1")
        .replace("[read, post]", "[read, pots]"),
        (
            "p.yaml:2:62: unknown option of StreamMySQLTable `prt`; did you mean `port`?",
            "p.yaml:3:3: `class` is missing",
            "p.yaml:4:5: unknown key `clas`; did you mean `class`?",
            "p.yaml:6:16: unknown node `pots`; did you mean `post`?",
        ),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_configuration_is_refused(case: Case, workplace: Workplace, bell: Doorbell) -> None:
    """Each mistake is told at its place; nothing is written, printed or connected to, and the status is 2."""
    outcome = workplace.call(case, bell)
    assert outcome.problems == counted(case.problems)
    assert (outcome.status, outcome.out, outcome.made, outcome.connections) == (case.status, "", {}, 0)
