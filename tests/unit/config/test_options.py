from __future__ import annotations

import textwrap
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr

from nanotyped.config import Pipeline, parse_pipeline
from nanotyped.config.annotations import option_adapter
from nanotyped.config.options import SCHEMA_OPTIONS
from nanotyped.errors import ConfigError
from nanotyped.node import options_of
from nanotyped.node.annotations import option_annotation
from nanotyped.registry import register_function, registered_nodes
from nanotyped.row import Schema
from tests.unit.config.sample_nodes import Count, Reader


def parse(options: str, cls: str = "Count", **environment: str) -> Pipeline:
    """Return a pipeline of a source with these options, which stand from line 4 on, and a sink."""
    head = f"nodes:\n  source:\n    class: {cls}\n"
    tail = "\n  show: {class: Show}\npaths:\n- [source, show]\n"
    return parse_pipeline(head + textwrap.indent(options, "    ") + tail, "f.yaml", environment)


def given_options(options: str, **environment: str) -> dict[str, Any]:
    """Return what the constructor of `Count` was given."""
    node = parse(options, **environment).nodes["source"]
    assert isinstance(node, Count)
    return node.given


def problems(options: str, cls: str = "Count", **environment: str) -> list[str]:
    """Return the problems of a pipeline of a source with these options."""
    with pytest.raises(ConfigError) as caught:
        parse(options, cls, **environment)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("option", "text", "value"),
    [
        ("rate", "2", 2.0),
        ("rate", "2.5", 2.5),
        ("host", "no", "no"),
        ("host", "'5'", "5"),
        ("flag", "true", True),
        ("mode", "slow", "slow"),
        ("key", "[a, 0, b]", ["a", 0, "b"]),
        ("key", "~", None),
        ("columns", "{a: 1}", {"a": 1}),
        ("sizes", "[1, 2]", (1, 2)),
        ("price", "1.25", Decimal("1.25")),
        ("convert", "int", int),
        ("anything", "{a: [1, 012, no]}", {"a": [1, "012", "no"]}),
    ],
)
def test_options_become_what_the_annotation_says(option: str, text: str, value: object) -> None:
    """A file's value goes in as the type that the constructor asks for."""
    found = given_options(f"options: {{{option}: {text}}}")[option]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("start: five", "option `start`: expected a whole number, got the text 'five'"),
        ("start: '5'", "option `start`: expected a whole number, got the text '5'; without quotes it is a number"),
        ("start: 1.0", "option `start`: expected a whole number, got the number 1.0"),
        ("start: true", "option `start`: expected a whole number, got true"),
        ("start: ~", "option `start`: expected a whole number, got nothing"),
        ("rate: fast", "option `rate`: expected a number, got the text 'fast'"),
        ("host: 5", 'option `host`: expected text, got the number 5; in quotes it is text: "5"'),
        ("host: [a]", "option `host`: expected text, got a list"),
        ("flag: yes", "option `flag`: expected true or false, got the text 'yes'"),
        ("flag: 1", "option `flag`: expected true or false, got the number 1"),
        ("mode: fsat", "option `mode`: expected `fast` or `slow`, got the text 'fsat'"),
        ("key: {a: 1}", "option `key`: expected text or a list, got a mapping"),
        ("convert: os__system", "option `convert`: no function is registered as `os__system`"),
        ("convert: inti", "option `convert`: no function is registered as `inti`; did you mean `int`?"),
        ("convert: 5", "option `convert`: expected the name of a function"),
        ("password: 12345678", "option `password`: expected text, got a secret of another kind"),
    ],
)
def test_a_value_of_another_kind_is_refused(text: str, expected: str) -> None:
    """The message says what is expected and what stands there, at the place of the value."""
    [found] = problems(f"options: {{{text}}}")
    column = len(f"    options: {{{text.partition(': ')[0]}: ") + 1
    assert found == f"f.yaml:4:{column}: {expected}"


def test_a_value_deep_inside_is_placed_where_it_stands() -> None:
    """Of a list or a mapping it is the wrong member that is reported."""
    text = "options:\n  key: [a, 1.5]\n  columns:\n    a: 1\n    b: x\n  sizes: [1, '2']"
    assert problems(text) == [
        'f.yaml:5:16: option `key`: expected text or a whole number, got the number 1.5; in quotes it is text: "1.5"',
        "f.yaml:8:12: option `columns`: expected a whole number, got the text 'x'",
        "f.yaml:9:18: option `sizes`: expected a whole number, got the text '2'; without quotes it is a number",
    ]


def test_unknown_and_missing_options() -> None:
    """An unknown option gets the nearest name, a missing one is named; both at once."""
    assert problems("options: {hots: a, table: t, name: n, summary: s}", "Reader") == [
        "f.yaml:4:5: Reader needs the option `host`",
        "f.yaml:4:15: unknown option of Reader `hots`; did you mean `host`?",
        "f.yaml:4:34: `name` is no option here: the name of a node is its key",
        "f.yaml:4:43: `summary` is no option here: it stands beside `class`",
    ]


def test_options_of_the_base_are_options() -> None:
    """What `NanoNode` itself takes can be given too, and is held to its types."""
    assert parse("options: {batch_rows: 7, retain_input: false}").nodes["source"].batch_rows == 7
    assert problems("options: {batch_rows: '7'}") == [
        "f.yaml:4:27: option `batch_rows`: expected a whole number, got the text '7'; without quotes it is a number"
    ]


def test_what_a_constructor_raises_is_placed_at_the_option_that_it_names() -> None:
    """A node that refuses its options itself is named by its class, at the first option of the file that it names."""
    assert problems("options: {host: start, start: -1}") == [
        "f.yaml:4:35: Count refuses its options: start must be at least 0, not -1, at start"
    ]
    assert problems("options: {host: '', batch_rows: 0}") == [
        "f.yaml:4:37: Count refuses its options: batch_rows must be at least 1, not 0"
    ]


def test_what_a_constructor_raises_about_a_part_of_an_option_is_placed_there() -> None:
    """Where a reason names a key of the option too, that is the place; of one that is not there, the option."""
    assert problems("options: {columns: {n: int, total: {type: int, lossy: rond}}}", "Cast") == [
        "f.yaml:4:40: Cast refuses its options: columns, `total`, lossy must be one of `fail`, `round`, `truncate`,"
        " `saturate`, not 'rond'"
    ]
    assert problems("options: {columns: {n: intt, m: int, total: {type: int, lossy: rond}}}", "Cast") == [
        "f.yaml:4:28: Cast refuses its options: columns, `n`: unknown type `intt` (did you mean `int`?) at position 0"
        " of `intt`",
        "f.yaml:4:49: Cast refuses its options: columns, `total`, lossy must be one of `fail`, `round`, `truncate`,"
        " `saturate`, not 'rond'",
    ]
    assert problems("options: {columns: {}, lossy: round, batch_rows: 0}", "Cast") == [
        "f.yaml:4:54: Cast refuses its options: batch_rows must be at least 1, not 0"
    ]


def test_what_a_constructor_raises_about_no_option_of_the_file_is_placed_at_the_node() -> None:
    """A reason that names nothing that stands in the file is placed at the key of the node."""
    assert problems("options: {}", "Refuser") == ["f.yaml:2:3: Refuser refuses its options: not on a Monday"]


def test_a_registered_function_may_be_named() -> None:
    """A function option is the registered function itself."""

    @register_function
    def weigh(value: object) -> object:
        return value

    assert given_options("options: {convert: weigh}")["convert"] is weigh


def test_an_annotation_that_is_not_there_at_run_time_is_the_class_s_mistake() -> None:
    """A type imported for type checkers only cannot be held to: that is said, and not guessed past."""
    assert problems("options: {path: x}", "Unresolved") == [
        "f.yaml:4:15: Unresolved cannot be used from a file: the annotation of its option `path` cannot be resolved"
        " (name 'Path' is not defined); what it names must be imported when the program runs, not `if TYPE_CHECKING`"
    ]


def test_every_option_of_the_built_in_nodes_can_be_given_in_a_file() -> None:
    """No built-in node has an annotation that cannot be resolved or read."""
    for cls in registered_nodes().values():
        if cls.__module__.startswith("nanotyped."):
            for name in set(options_of(cls)) - set(SCHEMA_OPTIONS):
                option_adapter(option_annotation(cls, name))


# -- schemas ---------------------------------------------------------------------------


@pytest.mark.parametrize("indent", ["", "options:\n  "])
def test_a_schema_is_given_beside_the_class_or_in_the_options(indent: str) -> None:
    """Columns are given with the text of their types, `null` where they may be."""
    node = parse(indent + 'output_schema: {id: "int unsigned", note: "varchar(9) null"}').nodes["source"]
    assert isinstance(node.output_schema, Schema)
    assert node.output_schema.spelling() == "id int unsigned, note varchar(9) null"


def test_a_misspelt_type_is_placed_within_its_text() -> None:
    """The column of the message is the character where the type goes wrong; every column is looked at."""
    assert problems('input_schema:\n  id: "int unsignd"\n  n: 5\n  m: itn\noutput_schema: text') == [
        "f.yaml:5:16: column `id`: unexpected `unsignd` (did you mean `unsigned`?) in `int unsignd`",
        "f.yaml:6:10: column `n`: expected the text of a type, got the number 5",
        "f.yaml:7:10: column `m`: unknown type `itn` (did you mean `int`?) in `itn`",
        "f.yaml:8:20: `output_schema`: expected a mapping, got the text 'text'",
    ]


def test_a_schema_given_twice_is_refused() -> None:
    """Beside the class and in the options is one too many."""
    assert problems("output_schema: {a: int}\noptions: {output_schema: {a: int}}") == [
        "f.yaml:4:5: `output_schema` stands in `options` too; keep one"
    ]


# -- ${NAME} ---------------------------------------------------------------------------


def test_variables_are_put_into_text() -> None:
    """`${NAME}` may be the whole text or a part of it, also in lists and mappings, and `$${` is a literal `${`."""
    found = given_options(
        "options:\n  host: 'db-${A}.${B}'\n  key: ['${A}', '$${A}']\n  anything: {x: ['${B}'], '${A}': 1, y: '$5 $$'}",
        A="1",
        B="two",
    )
    assert found["host"] == "db-1.two"
    assert found["key"] == ["1", "${A}"]
    assert found["anything"] == {"x": ["two"], "${A}": 1, "y": "$5 $$"}


def test_a_variable_becomes_the_type_of_its_option() -> None:
    """Text out of the environment is read as it would be without quotes, where the option asks for another type."""
    node = parse("options: {host: '${H}', table: t, port: '${PORT}'}", "Reader", H="1", PORT="3307").nodes["source"]
    assert isinstance(node, Reader)
    assert (node.host, node.port) == ("1", 3307)
    assert given_options("options: {flag: '${F}', rate: '${R}'}", F="true", R="2.5")["flag"] is True


@pytest.mark.parametrize("port", ["3307x", "", " 3307", "0x10", "3307.0", "true", "null", "033"])
def test_a_variable_that_is_no_number_is_refused_and_not_shown(port: str) -> None:
    """The reading is strict, and the message names the variable instead of its value."""
    assert problems("options: {host: h, table: t, port: '${PORT}'}", "Reader", PORT=port) == [
        "f.yaml:4:40: option `port`: expected a whole number, got what `${PORT}` holds"
    ]


@pytest.mark.parametrize(
    ("text", "column", "reason"),
    [
        ("a ${B} c", 3, "the environment variable `B` is not set"),
        ("${HOTS}", 1, "the environment variable `HOTS` is not set; did you mean `HOST`?"),
        ("$${B} ${B}", 7, "the environment variable `B` is not set"),
        ("x${", 2, "`${` is not closed; write `$${` for a literal one"),
        ("${A-B}", 1, "`${A-B}` names no variable; write `$${` for a literal `${`"),
        ("${}", 1, "`${}` names no variable; write `$${` for a literal `${`"),
    ],
)
def test_a_reference_that_leads_nowhere_is_placed_where_it_stands(text: str, column: int, reason: str) -> None:
    """The column is that of the reference itself, within its text."""
    [found] = problems(f"options: {{host: '{text}'}}", HOST="h")
    assert found == f"f.yaml:4:{len('    options: {host: ') + 1 + column}: {reason}"


def test_a_variable_that_is_no_text_is_refused() -> None:
    """Bytes that are no UTF-8 come from the system as half characters, and go no further."""
    assert problems("options: {host: '${H}'}", H="a\udcff") == [
        "f.yaml:4:22: the environment variable `H` holds bytes that are no UTF-8"
    ]


def test_a_secret_is_wrapped_and_in_no_repr() -> None:
    """A parameter annotated SecretStr gets one."""
    pipeline = parse("options: {password: '${PW}'}", PW="hunter2222")
    node = pipeline.nodes["source"]
    assert isinstance(node, Count)
    assert node.given["password"] == SecretStr("hunter2222")
    assert "hunter2222" not in repr(pipeline) + repr(node.given)


def test_where_a_secret_would_do_a_text_becomes_one() -> None:
    """`SecretStr | str` takes either in Python; out of a file it is a secret, also inside of a mapping."""
    pipeline = parse("options: {token: letmein, headers: {X-Key: opensesame}}")
    node = pipeline.nodes["source"]
    assert isinstance(node, Count)
    assert node.given["token"] == SecretStr("letmein")
    assert node.given["headers"] == {"X-Key": SecretStr("opensesame")}
    assert pipeline.redactor.redact("letmein opensesame") == "***** *****"


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12))
@example("a")
@example("at")
def test_no_message_shows_the_value_of_a_variable(value: str) -> None:
    """Whatever a constructor says of its options, the variable's name stands where its value was."""
    assert problems("options: {start: -1, host: '${H}'}", H=value)[0].endswith("${H}")


def test_the_redactor_hides_secrets_in_every_spelling() -> None:
    """A secret is hidden as it is, as Python and JSON quote it, and as a URL holds it."""
    pipeline = parse("options: {password: 'pass/w\"ö'}")
    text = """pass/w"ö 'pass/w"\\xf6' "pass/w\\"\\u00f6" pass%2Fw%22%C3%B6"""
    assert pipeline.redactor.redact(text) == """***** 'pass/w"\\xf6' "*****" *****"""


# -- the options of every node ------------------------------------------------------------------------------


def test_every_node_takes_the_common_options() -> None:
    """What a node sees, what it sends and its pace are options of a file, as they are in Python."""
    node = parse(
        "options:\n"
        "  output_key: o\n"
        "  input_mapping: {a: b}\n"
        "  input_message_keypath: [doc, items, 0]\n"
        "  throttle: 0.5\n"
        "  send_batch_markers: true\n"
        "  keep_alive: false\n"
        "  get_runtime_attrs: int\n"
        "  get_runtime_attrs_args: [1]\n"
        "  get_runtime_attrs_kwargs: {a: 1}\n"
        "  runtime_attrs_destinations: {a: b}\n"
        "  post_process_function: str\n"
        "  post_process_keypath: a.b\n"
        "  post_process_function_kwargs: {a: 1}\n"
    ).nodes["source"]
    assert (node.throttle_s, node.send_batch_markers, node.keep_alive) == (0.5, True, False)
    assert (node.sight.renames, str(node.sight.keypath)) == ({"a": "b"}, "doc.items.0")
    assert (node.sending.function, str(node.sending.place), node.sending.output_key) == (str, "a.b", "o")
    assert node.sending.arguments == {"a": 1}
    found = node.runtime_attributes
    assert (found.function, found.arguments, found.keywords, found.destinations) == (int, (1,), {"a": 1}, {"a": "b"})
    assert parse("options: {input_mapping: it}").nodes["source"].sight.wrap == "it"
    text = "nodes:\n  a: {class: Count}\n  b: {class: Show, options: {key: [doc, 0]}}\npaths: [[a, b]]\n"
    assert str(parse_pipeline(text).nodes["b"].sight.key) == "doc.0"


@pytest.mark.parametrize("option", ["post_process_function", "get_runtime_attrs"])
def test_a_file_names_registered_functions_alone(option: str) -> None:
    """From a file the functions of these options are the registered ones; a name that would be imported is refused."""
    [problem] = problems(f"options: {{{option}: os__path__basename}}")
    assert problem.endswith(f"option `{option}`: no function is registered as `os__path__basename`")
    register_function("base")(len)
    node = parse(f"options: {{{option}: base}}").nodes["source"]
    assert len in (node.sending.function, node.runtime_attributes.function)


def test_what_the_common_options_refuse_is_placed() -> None:
    """What is wrong with a common option is told at its line."""
    assert problems("options:\n  throttle: -1") == [
        "f.yaml:5:17: Count refuses its options: throttle is a number of seconds from 0, not -1.0"
    ]
    [problem] = problems("options:\n  linger_s: 0.05")
    assert problem.startswith("f.yaml:5:7: unknown option of Count `linger_s`")


def test_a_class_that_forgot_the_constructor_of_its_base_is_named() -> None:
    """It is a mistake at the node, with what to write into the class, and no fault of the program."""
    assert problems("options: {}", "Forgetful") == [
        "f.yaml:2:3: Forgetful refuses its options: Forgetful.__init__ did not call super().__init__(); "
        "add the call, with **kwargs"
    ]
