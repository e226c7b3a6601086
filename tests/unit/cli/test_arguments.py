from __future__ import annotations

import pytest

from nanotyped.cli.arguments import Arguments, UsageError, parse_arguments


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("run p.yaml", Arguments("run", "p.yaml", modules=[])),
        ("run --filename p.yaml --strict", Arguments("run", "p.yaml", modules=[], strict=True)),
        (
            "check p.yaml --connect --module a --module b.c",
            Arguments("check", "p.yaml", modules=["a", "b.c"], connect=True),
        ),
        ("draw -o x.svg --format=svg p.yaml", Arguments("draw", "p.yaml", modules=[], format="svg", output="x.svg")),
        ("draw p.yaml --connect", Arguments("draw", "p.yaml", modules=[], connect=True)),
        (
            "explain p.yaml --connect a.b",
            Arguments("explain", "p.yaml", "a.b", modules=[], connect=True, format="text"),
        ),
        (
            "explain a.b --filename p.yaml --format json",
            Arguments("explain", "p.yaml", "a.b", modules=[], format="json"),
        ),
        ("nodes --module m", Arguments("nodes", modules=["m"])),
        ("types", Arguments("types")),
        ("types int --json bigint", Arguments("types", words=("int", "bigint"), json=True)),
        ("types --json int", Arguments("types", words=("int",), json=True)),
        ("discover sqlite:///a.db", Arguments("discover", url="sqlite:///a.db", format="python")),
        ("discover shop.sql t --format sql", Arguments("discover", url="shop.sql", words=("t",), format="sql")),
        (
            "discover sqlite:///a.db t --format yaml u",
            Arguments("discover", url="sqlite:///a.db", words=("t", "u"), format="yaml"),
        ),
        ("discover t --url-env DB u", Arguments("discover", url_env="DB", words=("t", "u"), format="python")),
        ("run p.yaml --grace 2.5", Arguments("run", "p.yaml", modules=[], grace=2.5)),
        ("replay d.jsonl p.yaml --grace 0", Arguments("replay", "p.yaml", "d.jsonl", modules=[], grace=0.0)),
        ("run p.yaml --progress lines", Arguments("run", "p.yaml", modules=[], progress="lines")),
        (
            "run p.yaml --progress none --log-format json",
            Arguments("run", "p.yaml", modules=[], progress="none", log_format="json"),
        ),
        ("run --traceback p.yaml", Arguments("run", "p.yaml", modules=[], traceback=True)),
    ],
)
def test_reads(words: str, expected: Arguments) -> None:
    """Options may stand before and after the file."""
    assert parse_arguments(words.split()) == expected


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("", "a command is missing"),
        ("chek p.yaml", "unknown command `chek`; did you mean `check`?"),
        ("p.yaml", "unknown command `p.yaml`"),
        ("--verison", "unknown option `--verison`; did you mean `--version`?"),
        ("run --progress tabel p.yaml", "argument --progress: unknown way `tabel`; did you mean `table`?"),
        (
            "run --progress lines --log-format json p.yaml",
            "--progress lines is for people: with --log-format json the status is a record",
        ),
        ("run --modul x p.yaml", "unknown option `--modul`; did you mean `--module`?"),
        ("run --connect p.yaml", "unknown option `--connect`"),
        ("run --fil p.yaml", "unknown option `--fil`; did you mean `--filename`?"),
        ("check --strikt=1 p.yaml", "unknown option `--strikt`; did you mean `--strict`?"),
        ("run", "the configuration file is missing: CONFIG or --filename CONFIG"),
        ("run a.yaml --filename b.yaml", "the configuration file is given twice: CONFIG and --filename"),
        ("run a.yaml b.yaml", "unexpected `b.yaml`: one configuration file at a time"),
        ("run a.yaml --module", "argument --module: expected one argument"),
        ("draw a.yaml --format mermeid", "argument --format: unknown format `mermeid`; did you mean `mermaid`?"),
        ("explain", "the configuration file is missing: CONFIG or --filename CONFIG"),
        ("explain p.yaml", "what to explain is missing: NODE.COLUMN, or NODE for all of its columns"),
        ("explain p.yaml a.b c", "unexpected `c`: one column at a time; quote a name that holds blanks"),
        ("explain p.yaml a.b --format jsn", "argument --format: unknown format `jsn`; did you mean `json`?"),
        ("nodes p.yaml", "unexpected `p.yaml`"),
        ("types --jsno", "unknown option `--jsno`; did you mean `--json`?"),
        ("discover", "the database is missing: URL, FILE.sql or --url-env NAME"),
        ("discover sqlite:///a.db --url-env DB", "the database is given twice: URL and --url-env"),
        ("discover shop.sql --url-env DB", "the database is given twice: shop.sql and --url-env"),
        ("discover u --format yml", "argument --format: unknown format `yml`; did you mean `yaml`?"),
        *[
            (f"run a.yaml --grace={text}", f"argument --grace: `{text}` is no number of seconds")
            for text in ("-1", "nan", "inf", "soon", "1e99")
        ],
        ("draw a.yaml --format x", "argument --format: unknown format `x`; known are dot, mermaid, svg"),
    ],
)
def test_refuses(words: str, reason: str) -> None:
    """What is misspelt gets the nearest name; what is missing or too much is named."""
    with pytest.raises(UsageError) as caught:
        parse_arguments(words.split())
    assert caught.value.reason == reason
    assert caught.value.usage.startswith("usage: nanotyped")
