from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanotyped.config.yaml_reader import (
    HOPELESS_DEPTH,
    MAX_DEPTH,
    MAX_SIZE_BYTES,
    Document,
    Spot,
    load_yaml,
    parse_yaml,
)

if TYPE_CHECKING:
    from pathlib import Path


def problems(text: str) -> list[str]:
    """Return the problems of a text as they are printed."""
    return [str(problem) for problem in parse_yaml(text, "f.yaml").problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (
            "a: no\nb: 012\nc: [1, 2.5, true, null, ~, '5']\n",
            {"a": "no", "b": "012", "c": [1, 2.5, True, None, None, "5"]},
        ),
        ("1: x\nnull: y\ntrue: z\n", {"1": "x", "null": "y", "true": "z"}),
        ("a:\n  - {b: 2024-05-06}\n", {"a": [{"b": "2024-05-06"}]}),
        ("a: |\n  012\nb: >-\n  1\n", {"a": "012\n", "b": "1"}),
        ('"<<": 1\n"": 2\n', {"<<": 1, "": 2}),
    ],
)
def test_reads(text: str, value: object) -> None:
    """Mappings, lists and strict scalars; keys are the text that stands there."""
    document = parse_yaml(text, "f.yaml")
    assert (document.value, document.problems) == (value, [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: *x\n", ["f.yaml:1:4: an alias (`*x`); write the value out"]),
        ("a: &x 1\n", ["f.yaml:1:4: an anchor (`&x`); it is of no use, for aliases are not read"]),
        ("a: 1\nb: 2\na: 3\n", ["f.yaml:3:1: `a` is given twice; first on line 1"]),
        ("a: !!int '1'\n", ["f.yaml:1:4: a tag (`!!int`); types come from the options of the node"]),
        ("<<: {a: 1}\n", ["f.yaml:1:1: a merge key (`<<`); write the keys out"]),
        ("? [a]\n: 1\n", ["f.yaml:1:3: a key is text, and neither a list, a mapping nor an alias"]),
        ("?\n: 1\n", ["f.yaml:1:2: a key is missing before this `:`"]),
        ("a: 1\n---\nb: 1\n", ["f.yaml:2:1: a second document begins here; a file holds one"]),
        ("a: 1e999\n", ["f.yaml:1:4: the number 1e999 is too large for a float"]),
        ("", ["f.yaml:1:1: the file is empty"]),
        ("# nothing\n", ["f.yaml:1:1: the file is empty"]),
        ("a:\n\tb: 1\n", ["f.yaml:2:1: a tab; YAML indents with blanks"]),
        ("a: b: c\n", ["f.yaml:1:5: a `:` is out of place; text that holds one needs quotes"]),
        ("a: [1, 2\nb: 3\n", ["f.yaml:2:2: expected `,` or `]`"]),
        ("a: [1, 2\n", ["f.yaml:1:4: no `]` closes what begins here"]),
        ("a: 'x\n", ["f.yaml:1:4: no quote closes the text that begins here"]),
        ("a: @x\n", ["f.yaml:1:4: text that begins with `@` needs quotes"]),
        ("a: 1\n  b: 2\n", ["f.yaml:2:4: a `:` is out of place; text that holds one needs quotes"]),
        ("a:\n  b: 1\n c: 2\n", ["f.yaml:3:2: this does not fit what stands above; look at the indentation"]),
        ('a: "\\q"\n', ["f.yaml:1:6: unknown escape 'q' in double quotes"]),
        ("a: {b: ${C}}\n", ["f.yaml:1:8: `${…}` inside of `{}` or `[]` needs quotes"]),
        ("a: x\x01\n", ["f.yaml:1:5: the character U+0001 cannot stand in YAML; escape it in double quotes"]),
        ('a: "\\ud800"\n', ["f.yaml:1:4: half of a surrogate pair, which is no character"]),
    ],
)
def test_refuses_at_its_place(text: str, expected: list[str]) -> None:
    """Each mistake is reported with its line, its column and what to do."""
    assert problems(text) == expected


def test_reports_all_mistakes_at_once() -> None:
    """One look shows every mistake of the text, in the order of the file."""
    text = "a: *x\nb: {c: 1, c: 2}\nd: !t\n  - &y 1\n"
    assert problems(text) == [
        "f.yaml:1:4: an alias (`*x`); write the value out",
        "f.yaml:2:11: `c` is given twice; first on line 2",
        "f.yaml:3:4: a tag (`!t`); types come from the options of the node",
        "f.yaml:4:5: an anchor (`&y`); it is of no use, for aliases are not read",
    ]


def test_a_tag_makes_no_object() -> None:
    """A tag of Python's leads to a problem and to nothing else."""
    document = parse_yaml("a: !!python/object/apply:os.system [exit 1]\n", "f.yaml")
    [problem] = document.problems
    assert problem.reason == "a tag (`!!python/object/apply:os.system`); types come from the options of the node"


def test_depth_has_a_limit_and_does_not_hide_what_follows() -> None:
    """Nesting beyond the limit is one problem, and the rest of the file is still read."""
    depth = HOPELESS_DEPTH
    found = problems(f"a: {'[' * depth}{']' * depth}\nb: *x\n")
    assert found == [
        f"f.yaml:1:{4 + MAX_DEPTH - 1}: nested more than {MAX_DEPTH} deep",
        "f.yaml:2:4: an alias (`*x`); write the value out",
    ]
    assert problems(f"{'[' * MAX_DEPTH}{']' * MAX_DEPTH}") == []


def test_reading_ends_where_the_depth_is_beyond_hope() -> None:
    """The parser's time grows with the square of the depth, so a file of brackets is left where that is clear."""
    found = problems(f"a: *x\nb: {'[' * (MAX_SIZE_BYTES // 2)}")
    assert found == ["f.yaml:1:4: an alias (`*x`); write the value out", "f.yaml:2:35: nested more than 32 deep"]


# No control characters, and of the blanks only the plain one: YAML folds the line breaks among them.
CHARACTERS = st.characters(codec="utf-8", exclude_categories=["C", "Z"], include_characters=" ")
SCALARS = st.none() | st.booleans() | st.integers() | st.text(CHARACTERS)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(CHARACTERS), inner, max_size=3)
)


def scalars(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], Any]]:
    """Return every scalar in a value with its path."""
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in scalars(item, (*path, key))]
    if isinstance(value, list):
        return [found for index, item in enumerate(value) for found in scalars(item, (*path, index))]
    return [(path, value)]


@given(VALUES, st.sampled_from([None, 0, 3]))
def test_places_point_at_the_text(value: Any, indent: int | None) -> None:
    """JSON is YAML: it is read as it is, and at the place of each scalar and of its key stands its text."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    document = parse_yaml(text, "f.yaml")
    assert (document.value, document.problems) == (value, [])
    lines = text.split("\n")
    for path, scalar in scalars(value):
        expected = [scalar, path[-1] if path and isinstance(path[-1], str) else scalar]
        for spot, stands in zip([document.value_spot(path), document.key_spot(path)], expected, strict=True):
            assert lines[spot.line - 1][spot.column - 1 :].startswith(json.dumps(stands, ensure_ascii=False))


def test_a_fragment_is_placed_within_its_text() -> None:
    """The second `${B}` of a text is where it stands, also on a later line; an escaped one is where its text is."""
    document = parse_yaml("a: 'x ${B} ${B}'\nb: |\n  one\n  two ${B}\nc: \"\\u0024{B}\"\n", "f.yaml")
    assert document.spot_within(("a",), "${B}", occurrence=1) == Spot(1, 12)
    assert document.spot_within(("b",), "${B}", offset=2) == Spot(4, 9)
    assert document.spot_within(("c",), "${B}") == Spot(5, 4)


def load(path: Path, data: bytes) -> Document:
    """Return a document of a file with this data."""
    path.write_bytes(data)
    return load_yaml(str(path))


def test_reads_a_file_with_a_byte_order_mark(tmp_path: Path) -> None:
    """UTF-8 with its mark is UTF-8."""
    document = load(tmp_path / "f.yaml", b"\xef\xbb\xbfa: \xc3\xa9\n")
    assert (document.value, document.problems) == ({"a": "é"}, [])


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a: 1\nb: \xff\n", ":2:4: the byte 0xff is no UTF-8"),
        (b"a: " + b"x" * MAX_SIZE_BYTES, ": larger than 1024 KiB, the most that a configuration may have"),
        (b"", ":1:1: the file is empty"),
    ],
)
def test_refuses_a_file(tmp_path: Path, data: bytes, expected: str) -> None:
    """A file that is too large, empty or in another encoding is refused in so many words."""
    path = tmp_path / "f.yaml"
    assert [str(problem) for problem in load(path, data).problems] == [f"{path}{expected}"]


def test_a_missing_file_gets_the_nearest_name(tmp_path: Path) -> None:
    """The file beside it that was probably meant is named; a directory is called one."""
    (tmp_path / "pipeline.yaml").touch()
    found = [load_yaml(str(tmp_path / name)).problems[0].reason for name in ("pipline.yaml", "x/y.yaml", "")]
    assert found == ["no such file; did you mean `pipeline.yaml`?", "no such file", "a directory, and no file"]
