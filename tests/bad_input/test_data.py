from __future__ import annotations

import gzip

import pytest

from tests.support.program import Case, Doorbell, Workplace

SCHEMA = "{n: int, who: varchar(5), at: date null}"


def copy(file: str, schema: str = SCHEMA, more: str = "") -> str:
    """Return a pipeline that reads a file and writes it again."""
    return f"""\
nodes:
  read: {{class: ReadRows, output_schema: {schema}, options: {{path: {file}{more}}}}}
  write: {{class: WriteRows, options: {{path: out.jsonl}}}}
paths: [[read, write]]
"""


def csv(name: str, content: str | bytes, *problems: str, schema: str = SCHEMA) -> Case:
    """Return a case of a CSV file."""
    return Case(f"csv, {name}", copy("in.csv", schema), problems, 1, {"in.csv": content})


def jsonl(name: str, content: str | bytes, *problems: str, schema: str = "{n: int, who: varchar(5)}") -> Case:
    """Return a case of a file of JSON lines."""
    return Case(f"jsonl, {name}", copy("in.jsonl", schema), problems, 1, {"in.jsonl": content})


HEAD = b"n,who,at\r\n1,ada,\r\n"
LINE = b'{"n":1,"who":"ada"}\n'
DOCUMENT = "{n: int, d: json}"
CASES = [
    csv(
        "empty",
        b"",
        "p.yaml:2:3: node `read`: in.csv, line 1: there is no header; expected `n`, `who`, `at`",
        "1 problem",
    ),
    csv(
        "header alone is wrong",
        b"n;who;at\r\n",
        (
            "p.yaml:2:3: node `read`: in.csv, line 1: column `n;who;at` is not in the schema; column `n` "
            "is missing; column `who` is missing; column `at` is missing"
        ),
        "1 problem",
    ),
    csv(
        "other columns",
        b"n,whom,at\r\n",
        (
            "p.yaml:2:3: node `read`: in.csv, line 1: column `whom` is not in the schema (did you mean "
            "`who`?); column `who` is missing"
        ),
        "1 problem",
    ),
    csv(
        "too few cells",
        HEAD + b"2,bob\r\n",
        "nanotyped: p.yaml:2:3: node `read` failed: RowError: in.csv, line 3: expected 3 cells, got 2 cells",
    ),
    csv(
        "too many cells",
        HEAD + b"2,bob,,\r\n",
        "nanotyped: p.yaml:2:3: node `read` failed: RowError: in.csv, line 3: expected 3 cells, got 4 cells",
    ),
    csv(
        "quote that nobody closes",
        HEAD + b'2,"bob,\r\n3,eve,\r\n',
        "nanotyped: p.yaml:2:3: node `read` failed: RowError: in.csv, line 3: this is no CSV: unexpected end of data",
    ),
    csv(
        "text behind a quote",
        HEAD + b'2,"bob"x,\r\n',
        "nanotyped: p.yaml:2:3: node `read` failed: RowError: in.csv, line 3: this is no CSV: ',' expected after '\"'",
    ),
    csv(
        "NUL",
        HEAD + b"2,b\0b,\r\n",
        "nanotyped: p.yaml:2:3: node `read` failed: RowError: in.csv, line 3: a NUL, which no text file holds",
    ),
    csv(
        "no UTF-8",
        HEAD + b"2,b\xe9b,\r\n",
        "nanotyped: p.yaml:2:3: node `read` failed: RowError: in.csv, line 3: byte 0xe9 at position 3 is not UTF-8",
    ),
    csv(
        "no UTF-8 in the header",
        b"n,wh\xe9,at\r\n",
        "p.yaml:2:3: node `read`: in.csv, line 1: byte 0xe9 at position 4 is not UTF-8",
        "1 problem",
    ),
    csv(
        "UTF-16",
        "n,who,at\r\n".encode("utf-16"),
        "p.yaml:2:3: node `read`: in.csv: it is in UTF-16; save it as UTF-8",
        "1 problem",
    ),
    csv(
        "half of a surrogate pair",
        HEAD + b"2,\xed\xa0\x80,\r\n",
        "nanotyped: p.yaml:2:3: node `read` failed: RowError: in.csv, line 3: byte 0xed at position 2 is not UTF-8",
    ),
    csv(
        "two byte order marks",
        b"\xef\xbb\xbf\xef\xbb\xbf" + HEAD,
        (
            "p.yaml:2:3: node `read`: in.csv, line 1: column `\ufeffn` is not in the schema (did you "
            "mean `n`?); column `n` is missing"
        ),
        "1 problem",
    ),
    csv(
        "overflow",
        HEAD + b"2147483648,bob,\r\n",
        (
            "nanotyped: p.yaml:2:3: node `read` failed: RowError: in.csv, line 3, column `n`: expected "
            "`int`, got '2147483648' (above 2147483647)"
        ),
    ),
    csv(
        "endless number",
        HEAD + b"9" * 5000 + b",bob,\r\n",
        (
            "nanotyped: p.yaml:2:3: node `read` failed: RowError: in.csv, line 3, column `n`: expected "
            "`int`, got "
            "'9999999999999999999999999999999999999999999999999999999999999999999999999999999… (too many "
            "digits)"
        ),
    ),
    csv(
        "NaN",
        HEAD + b"NaN,bob,\r\n",
        (
            "nanotyped: p.yaml:2:3: node `read` failed: RowError: in.csv, line 3, column `n`: expected "
            "`int`, got 'NaN' (not a whole number)"
        ),
    ),
    csv(
        "infinity for a float",
        b"f\r\n1e999\r\n",
        (
            "nanotyped: p.yaml:2:3: node `read` failed: RowError: in.csv, line 2, column `f`: expected "
            "`double`, got '1e999' (not a finite number)"
        ),
        schema="{f: double}",
    ),
    csv(
        "NaN for a float",
        b"f\r\nnan\r\n",
        (
            "nanotyped: p.yaml:2:3: node `read` failed: RowError: in.csv, line 2, column `f`: expected "
            "`double`, got 'nan' (not a number)"
        ),
        schema="{f: double}",
    ),
    csv(
        "digits of another script",
        HEAD + "\u0661,bob,\r\n".encode(),
        (
            "nanotyped: p.yaml:2:3: node `read` failed: RowError: in.csv, line 3, column `n`: expected "
            "`int`, got '\u0661' (not a whole number)"
        ),
    ),
    csv(
        "long text",
        HEAD + b"2,bobbob,\r\n",
        (
            "nanotyped: p.yaml:2:3: node `read` failed: RowError: in.csv, line 3, column `who`: expected "
            "`varchar(5)`, got 'bobbob' (6 characters, at most 5 fit)"
        ),
    ),
    csv(
        "no such day",
        HEAD + b"2,bob,2023-02-29\r\n",
        (
            "nanotyped: p.yaml:2:3: node `read` failed: RowError: in.csv, line 3, column `at`: expected "
            "`date null`, got '2023-02-29' (on no calendar or clock)"
        ),
    ),
    csv(
        "no null",
        HEAD + b",bob,\r\n",
        (
            "nanotyped: p.yaml:2:3: node `read` failed: RowError: in.csv, line 3, column `n`: expected "
            "`int`, got '' (not a whole number)"
        ),
    ),
    csv(
        "key given twice in a document",
        b'd\r\n"{""a"":1,""a"":2}"\r\n',
        (
            "nanotyped: p.yaml:2:3: node `read` failed: RowError: in.csv, line 2, column `d`: expected "
            "`json`, got '{\"a\":1,\"a\":2}' (an object in it has the key 'a' twice)"
        ),
        schema="{d: json}",
    ),
    csv(
        "deep document",
        b"d\r\n" + b"[" * 100_000 + b"]" * 100_000 + b"\r\n",
        (
            "nanotyped: p.yaml:2:3: node `read` failed: RowError: in.csv, line 2, column `d`: expected "
            "`json`, got "
            "'[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[… (no JSON)"
        ),
        schema="{d: json}",
    ),
    csv(
        "many wrong cells",
        b"n,who,at\r\n" + b"x,bob,\r\n" * 12,
        (
            "nanotyped: p.yaml:2:3: node `read` failed: RowError: in.csv, line 2, column `n`: expected "
            "`int`, got 'x' (not a whole number); in.csv, line 3, column `n`: expected `int`, got 'x' "
            "(not a whole number); in.csv, line 4, column `n`: expected `int`, got 'x' (not a whole "
            "number); in.csv, line 5, column `n`: expected `int`, got 'x' (not a whole number); in.csv, "
            "line 6, column `n`: expected `int`, got 'x' (not a whole number); in.csv, line 7, column "
            "`n`: expected `int`, got 'x' (not a whole number); in.csv, line 8, column `n`: expected "
            "`int`, got 'x' (not a whole number); in.csv, line 9, column `n`: expected `int`, got 'x' "
            "(not a whole number); in.csv, line 10, column `n`: expected `int`, got 'x' (not a whole "
            "number); in.csv, line 11, column `n`: expected `int`, got 'x' (not a whole number); and 2 "
            "more"
        ),
    ),
    jsonl(
        "key given twice",
        LINE + b'{"n":2,"who":"bob","n":3}\n',
        "nanotyped: p.yaml:2:3: node `read` failed: RowError: in.jsonl, line 2: the key 'n' is there twice",
    ),
    jsonl(
        "key given twice, once in escapes",
        LINE + b'{"n":2,"who":"bob","\\u006e":3}\n',
        "nanotyped: p.yaml:2:3: node `read` failed: RowError: in.jsonl, line 2: the key 'n' is there twice",
    ),
    jsonl(
        "key given twice, far from its colon",
        LINE + b'{"n":2,"who":"bob","n" :3}\n',
        "nanotyped: p.yaml:2:3: node `read` failed: RowError: in.jsonl, line 2: the key 'n' is there twice",
    ),
    jsonl(
        "key given twice in a document",
        b'{"n":1,"d":{"a":[{"b":1,"b":2}]}}\n',
        "nanotyped: p.yaml:2:3: node `read` failed: RowError: in.jsonl, line 1: the key 'b' is there twice",
        schema=DOCUMENT,
    ),
    jsonl(
        "deep",
        b'{"n":1,"d":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n",
        "nanotyped: p.yaml:2:3: node `read` failed: RowError: in.jsonl, line 1: nested too deep",
        schema=DOCUMENT,
    ),
    jsonl(
        "many digits in a document",
        b'{"n":1,"d":' + b"9" * 5000 + b"}\n",
        "nanotyped: p.yaml:2:3: node `read` failed: RowError: in.jsonl, line 1: Integer value out of range - at `$.d`",
        schema=DOCUMENT,
    ),
    jsonl(
        "NaN",
        LINE + b'{"n":NaN,"who":"bob"}\n',
        (
            "nanotyped: p.yaml:2:3: node `read` failed: RowError: in.jsonl, line 2: JSON is malformed: "
            "invalid character (byte 5)"
        ),
    ),
    jsonl(
        "infinity",
        LINE + b'{"n":1e999,"who":"bob"}\n',
        "nanotyped: p.yaml:2:3: node `read` failed: RowError: in.jsonl, line 2: Number out of range - at `$.n`",
    ),
    jsonl(
        "overflow",
        LINE + b'{"n":2147483648,"who":"bob"}\n',
        (
            "nanotyped: p.yaml:2:3: node `read` failed: RowError: in.jsonl, line 2, column `n`: expected "
            "`int`, got 2147483648 (above 2147483647)"
        ),
    ),
    jsonl(
        "fraction",
        LINE + b'{"n":2.5,"who":"bob"}\n',
        "nanotyped: p.yaml:2:3: node `read` failed: RowError: in.jsonl, line 2: Expected `int`, got `float` - at `$.n`",
    ),
    jsonl(
        "text for a number",
        LINE + b'{"n":"2","who":"bob"}\n',
        "nanotyped: p.yaml:2:3: node `read` failed: RowError: in.jsonl, line 2: Expected `int`, got `str` - at `$.n`",
    ),
    jsonl(
        "no UTF-8",
        LINE + b'{"n":2,"who":"b\xe9b"}\n',
        "nanotyped: p.yaml:2:3: node `read` failed: RowError: in.jsonl, line 2: byte 0xe9 at position 15 is not UTF-8",
    ),
    jsonl(
        "NUL",
        LINE + b'{"n":2,"who":"b\0b"}\n',
        "nanotyped: p.yaml:2:3: node `read` failed: RowError: in.jsonl, line 2: a NUL, which no text file holds",
    ),
    jsonl(
        "half of a surrogate pair",
        LINE + b'{"n":2,"who":"\\ud800"}\n',
        (
            "nanotyped: p.yaml:2:3: node `read` failed: RowError: in.jsonl, line 2: half of a surrogate "
            "pair, which is no character"
        ),
    ),
    jsonl(
        "half of a surrogate pair in a document",
        b'{"n":1,"d":["\\ud800"]}\n',
        (
            "nanotyped: p.yaml:2:3: node `read` failed: RowError: in.jsonl, line 1: half of a surrogate "
            "pair, which is no character"
        ),
        schema=DOCUMENT,
    ),
    jsonl(
        "cut off",
        LINE + b'{"n":2,"who":"bo',
        "nanotyped: p.yaml:2:3: node `read` failed: RowError: in.jsonl, line 2: Input data was truncated",
    ),
    jsonl(
        "two on a line",
        LINE + b'{"n":2,"who":"bob"}{"n":3,"who":"eve"}\n',
        (
            "nanotyped: p.yaml:2:3: node `read` failed: RowError: in.jsonl, line 2: JSON is malformed: "
            "trailing characters (byte 20)"
        ),
    ),
    jsonl(
        "an array of all",
        b'[{"n":1,"who":"ada"}]\n',
        "nanotyped: p.yaml:2:3: node `read` failed: RowError: in.jsonl, line 1: Expected `object`, got `array`",
    ),
    jsonl(
        "blank line",
        LINE + b"\n" + LINE,
        "nanotyped: p.yaml:2:3: node `read` failed: RowError: in.jsonl, line 2: a blank line",
    ),
    jsonl(
        "unknown key",
        LINE + b'{"n":2,"who":"bob","x":1}\n',
        "nanotyped: p.yaml:2:3: node `read` failed: RowError: in.jsonl, line 2: Object contains unknown field `x`",
    ),
    jsonl(
        "missing key",
        LINE + b'{"n":2}\n',
        "nanotyped: p.yaml:2:3: node `read` failed: RowError: in.jsonl, line 2: Object missing required field `who`",
    ),
    csv(
        "workbook",
        b"PK\x03\x04",
        "p.yaml:2:3: node `read`: in.csv: it is a zip archive or a workbook; unpack it, or save it as CSV, first",
        "1 problem",
    ),
    Case(
        "packed file to write",
        copy("in.csv").replace("out.jsonl", "out.csv.gz, format: csv"),
        (
            (
                "p.yaml:3:3: WriteRows refuses its options: `out.csv.gz` is the name of a compressed "
                "file, which is neither read nor written here"
            ),
            "1 problem",
        ),
        2,
        {"in.csv": HEAD},
    ),
    Case(
        "gzip by its name",
        copy("in.csv.gz"),
        (
            (
                "p.yaml:2:3: ReadRows refuses its options: `in.csv.gz` is the name of a compressed file, "
                "which is neither read nor written here"
            ),
            "1 problem",
        ),
        2,
        {"in.csv.gz": gzip.compress(HEAD)},
    ),
    csv(
        "gzip without its name",
        gzip.compress(b"\0" * 10_000_000),
        "p.yaml:2:3: node `read`: in.csv: it is compressed by gzip; unpack it first",
        "1 problem",
    ),
    jsonl(
        "gzip without its name",
        gzip.compress(b"\0" * 10_000_000),
        "nanotyped: p.yaml:2:3: node `read` failed: SourceError: in.jsonl: it is compressed by gzip; unpack it first",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_bad_data_end_the_run(case: Case, workplace: Workplace, bell: Doorbell) -> None:
    """The line that is wrong is told with its file, its column and its value, and no file is written."""
    outcome = workplace.call(case, bell)
    assert outcome.problems == case.problems
    assert (outcome.status, outcome.out, outcome.made) == (case.status, "", {})
