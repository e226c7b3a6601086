"""The intermediate types, and the charsets that texts are held to."""

import copy
import pickle

import pytest
from hypothesis import given, settings

from nanotyped.errors import TypeCastError
from nanotyped.types import intermediate as it
from nanotyped.types.charsets import CHARSETS, UNICODE, repertoire
from nanotyped.types.python import PythonTypeSystem
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


def test_a_value_goes_back_to_the_very_intermediate_type() -> None:
    """The intermediate system remembers its own, as every other does."""
    value = it.TIMESTAMP.of(fsp=0)("2021-05-06T00:00:00+00:00")
    back = it.IntermediateTypeSystem.convert(PythonTypeSystem.convert(value))
    assert type(back) is it.TIMESTAMP.of(fsp=0)
