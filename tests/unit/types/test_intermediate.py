"""The intermediate types, and the charsets that texts are held to."""

import copy
import pickle
from collections.abc import Callable
from decimal import Decimal
from ipaddress import IPv6Address
from uuid import UUID

import pytest
from hypothesis import given, settings

from nanotyped.errors import TypeCastError
from nanotyped.types import intermediate as it
from nanotyped.types.charsets import CHARSETS, UNICODE, repertoire
from nanotyped.types.convert import json_text
from nanotyped.types.python import PythonTypeSystem
from nanotyped.types.text import read_json
from tests.unit.types import strategies as any_


@settings(max_examples=200)
@given(any_.typed_values())
def test_a_value_of_a_type_is_cast_to_itself(typed: tuple[any_.Type, object]) -> None:
    """Casting a value that is of the type changes nothing."""
    kind, value = typed
    assert kind.python_cast_function(value) == value
    assert isinstance(kind.python_cast_function(value), kind.python_type)


@given(any_.columns())
def test_types_are_interned_and_survive_pickling(kind: any_.Type) -> None:
    """Equal parameters give one class, here and in another process."""
    assert kind.of() is kind
    assert kind.family.of(**kind.parameters) is kind
    assert pickle.loads(pickle.dumps(kind)) is kind


@pytest.mark.parametrize("charset", sorted(CHARSETS.keys() - UNICODE))
def test_a_charset_takes_its_repertoire_and_nothing_else(charset: str) -> None:
    """A charset's characters fit, in no more bytes than its widest one takes; an emoji does not."""
    characters = repertoire(charset)
    assert characters is not None
    codec, width = CHARSETS[charset]
    text = "".join(sorted(characters))
    kind = it.STRING.of(charset=charset)
    assert kind.text_problem(text) == ""
    assert len(text.encode(codec)) <= len(text) * width
    assert kind.text_problem("a😀") == f"character '😀' is not in {charset}"


def test_a_charset_lacks_what_the_server_lacks() -> None:
    """Where Python's codec has more than the server's charset, the server decides."""
    greek = it.STRING.of(charset="greek")
    assert greek.text_problem("Ω\u02bc") == ""
    assert greek.text_problem("Ω€") == "character '€' is not in greek"
    assert it.STRING.of(charset="cp866").text_problem("№") == "character '№' is not in cp866"


def test_latin1_holds_what_the_server_calls_latin1() -> None:
    """It is cp1252 with the five holes filled: text that was UTF-8 once is full of them."""
    assert it.STRING.of(charset="latin1", max_bytes=5)("€\x81\x8d\x8f\x90") == "€\x81\x8d\x8f\x90"
    with pytest.raises(TypeCastError, match=r"6 bytes, at most 5 fit$"):
        it.STRING.of(charset="latin1", max_bytes=5)("€\x81\x8d\x8f\x90\x9d")


@pytest.mark.parametrize(
    ("family", "parameters", "message"),
    [
        (it.STRING, {"max_length": 5, "max_bytes": 5}, "a length is given in characters or in bytes, not in both"),
        (it.STRING, {"max_length": -1}, "max_length must be a whole number from 0 to 4294967295, not -1"),
        (it.BYTES, {"padded": True}, "padded bytes need max_bytes"),
        (it.ENUM, {"members": ()}, "an enum needs members"),
        (it.ENUM, {"members": ("a", "a")}, "two members are equal"),
        (it.ENUM, {"members": ("я",), "charset": "latin1"}, "member 'я': character 'я' is not in latin1"),
        (it.FLOAT, {"precision": 5}, "precision and scale go together"),
        (it.FLOAT, {"precision": 5, "scale": 6}, "scale 6 is above precision 5"),
        (it.DECIMAL, {"scale": 5}, "a scale needs a precision"),
        (it.DECIMAL, {"precision": 5, "scale": 6}, "scale must be a whole number from 0 to 5, not 6"),
        (it.BITS, {"bits": 65}, "bits must be a whole number from 1 to 64, not 65"),
        (it.SET, {"charset": "latin1"}, "a charset needs members"),
        (it.SET, {"members": ("a,b",)}, "member 'a,b': a comma stands between members"),
        (it.SET, {"members": tuple(map(str, range(65)))}, "a set has at most 64 members"),
        (it.INET, {"version": 5}, "version must be one of (4, 6), not 5"),
        (it.GEOMETRY, {"srid": -1}, "srid must be a whole number from 0 to 4294967295, not -1"),
        (it.VECTOR, {"dimensions": 0}, "dimensions must be a whole number from 1 to 16383, not 0"),
        (it.INTEGER, {"bits": 7}, "bits must be one of (8, 16, 24, 32, 64), not 7"),
    ],
)
def test_parameters_that_do_not_go_together_are_refused(
    family: any_.Type, parameters: dict[str, object], message: str
) -> None:
    """A type that cannot be says why."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is asserted below
        family.of(**parameters)
    assert str(caught.value) == message


def test_json_null_is_one_object_and_not_none() -> None:
    """A document that is null is no SQL NULL, however it is copied."""
    assert it.JSON(it.JSON_NULL).value is it.JSON_NULL
    assert it.JSON(None).value is None
    assert not it.JSON_NULL
    for copied in (copy.deepcopy(it.JSON_NULL), pickle.loads(pickle.dumps(it.JSON_NULL)), it.JsonNull()):
        assert copied is it.JSON_NULL


@pytest.mark.parametrize(
    ("levels", "wrap"),
    [(1, lambda inner: [inner]), (1, lambda inner: {"a": inner}), (2, lambda inner: [{"a": inner}])],
)
def test_a_document_has_a_depth_that_all_can_walk(levels: int, wrap: Callable[[object], object]) -> None:
    """A document of 200 levels is one, and survives every copy; one of more, or that holds itself, is refused."""
    document: object = 1
    for _ in range(it.MAX_JSON_DEPTH // levels):
        document = wrap(document)
    assert it.JSON.python_cast_function(document) is document
    assert read_json(it.JSON, json_text(document)) == copy.deepcopy(document) == document
    for deep in (wrap(document), [document]):
        with pytest.raises(TypeCastError, match=r"is no `json`: nested more than 200 deep$"):
            it.JSON.python_cast_function(deep)
    endless: list[object] = []
    endless.append(endless)
    assert it.json_problem(endless) == "nested more than 200 deep"


def test_a_value_goes_back_to_the_very_intermediate_type() -> None:
    """The intermediate system remembers its own, as every other does."""
    value = it.TIMESTAMP.of(fsp=0)("2021-05-06T00:00:00+00:00")
    back = it.IntermediateTypeSystem.convert(PythonTypeSystem.convert(value))
    assert type(back) is it.TIMESTAMP.of(fsp=0)


@pytest.mark.parametrize(
    ("wkb", "reason"),
    [
        (b"", "its well-known binary ends too early"),
        (b"\0\0\0\0\1" + b"\0" * 16, "its well-known binary is not little-endian"),
        (b"\1\1\0\0\0" + b"\0" * 15, "its well-known binary ends too early"),
        (b"\1\1\0\0\0" + b"\0" * 17, "1 bytes behind its well-known binary"),
        (b"\1\2\0\0\0\xff\xff\xff\xff", "its well-known binary ends too early"),
        (
            b"\1\xe9\3\0\0" + b"\0" * 24,
            "its well-known binary has the code 1001, which is none of a geometry in the plane here",
        ),
        (
            b"\1\4\0\0\0\1\0\0\0\1\2\0\0\0\0\0\0\0",
            "its well-known binary has the code 2, which is none of a geometry in the plane here",
        ),
        (b"\1\7\0\0\0\1\0\0\0" * 70, "collections more than 64 deep"),
    ],
)
def test_bytes_that_are_no_geometry_say_why(wkb: bytes, reason: str) -> None:
    """Well-known binary is gone through to its end; a count that lies does not make it long."""
    with pytest.raises(TypeCastError) as caught:
        it.GEOMETRY(it.Geometry(0, wkb))
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("kind", "value", "cast"),
    [
        (it.BITS.of(bits=4), "0101", 5),
        (it.SET, "a,b", frozenset("ab")),
        (it.SET, "", frozenset()),
        (it.SET, {"a"}, frozenset("a")),
        (it.UUID, "0" * 31 + "1", UUID(int=1)),
        (it.INET, "::1", IPv6Address("::1")),
        (it.GEOMETRY, (1, bytearray(b"\1\1\0\0\0" + b"\0" * 16)), it.Geometry(1, b"\1\1\0\0\0" + b"\0" * 16)),
        (it.VECTOR, [1, Decimal("0.5")], (1.0, 0.5)),
        (it.STRING, IPv6Address("::ffff:1.2.3.4"), "::ffff:1.2.3.4"),
    ],
)
def test_values_are_made_of_what_stands_for_them(kind: any_.Type, value: object, cast: object) -> None:
    """Texts and collections are taken where they mean one value."""
    found = kind(value).to_python()
    assert (found, type(found)) == (cast, type(cast))


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        (it.YEAR, 70, "neither 0 nor from 1901"),
        (it.INTEGER, Decimal("sNaN"), "not a whole number"),
        (it.BITS, Decimal("sNaN"), "not a run of bits"),
        (it.BOOL, Decimal("sNaN"), "neither true nor false"),
        (it.FLOAT, Decimal("sNaN"), "not a finite number"),
        (it.DECIMAL, Decimal("sNaN"), "not finite"),
        (it.VECTOR, [Decimal("sNaN")], "not a list of numbers"),
        (it.BITS.of(bits=4), "101", "not a run of 4 bits"),
        (it.SET, [1], "a member is not text"),
        (it.SET, ["a,b"], "a comma in the member 'a,b'"),
        (it.UUID, "0000-" + "0" * 28, "not a UUID"),
        (it.INET, 1, "not an IP address"),
        (it.INET, "fe80::1%eth0", "it has a zone"),
        (it.GEOMETRY, (True, b""), "not a pair of an SRID and well-known binary"),
        (it.VECTOR, [True], "not a list of numbers"),
        (it.VECTOR, [0.1], "a number in it has more digits than 32 bits hold"),
        (it.VECTOR, [2**24 + 1], "a number in it has more digits than 32 bits hold"),
    ],
)
def test_what_stands_for_no_value_says_why(kind: any_.Type, value: object, reason: str) -> None:
    """A year of two digits, a number for an address and the like are refused."""
    with pytest.raises(TypeCastError) as caught:
        kind(value)
    assert caught.value.reason == reason
