from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pytest

from nanotyped import NanoNode, kwarg_remapper, template_class
from nanotyped.node import options_of


class LineCutter(NanoNode[Any, Any]):
    def __init__(self, mark: str = ",", limit: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mark, self.limit = mark, limit

    def process_item(self) -> Iterator[Any]:
        yield from self.__message__.split(self.mark)


def cut(text: str, mark: str = ",", limit: int = -1) -> list[str]:
    """Cut a text."""
    return text.split(mark, limit)


def anything(**keywords: int) -> dict[str, int]:
    """Return all keywords."""
    return keywords


def test_a_function_is_called_under_outer_names() -> None:
    """What is mapped goes by its outer name, what is not passes as it is."""
    remapped = kwarg_remapper(cut, mark="separator")
    assert remapped("a;b;c", separator=";", limit=1) == ["a", "b;c"]
    assert kwarg_remapper(cut, mark="limit", limit="mark")("a;b", limit=";", mark=1) == ["a", "b"]
    assert kwarg_remapper(anything, mark="separator")(separator=1, other=2) == {"mark": 1, "other": 2}


def test_an_unknown_keyword_is_never_dropped() -> None:
    """An unknown keyword, or the inner name of one that has another, is a TypeError."""
    remapped = kwarg_remapper(cut, mark="separator")
    with pytest.raises(TypeError, match=r"^cut\(\) has no keyword `seperator`; did you mean `separator`\?$"):
        remapped("a", seperator=";")
    with pytest.raises(TypeError, match=r"^cut\(\) has no keyword `mark`$"):
        remapped("a", mark=";")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"mrak": "x"}, "cut has no keyword `mrak` to rename; did you mean `mark`?"),
        ({"mark": "limit"}, "two keywords of cut would be called `limit`"),
        ({"mark": "x", "limit": "x"}, "two keywords of cut would be called `x`"),
    ],
)
def test_names_that_cannot_be_given_are_refused(names: dict[str, str], message: str) -> None:
    """A keyword that is not there, and two under one name, are refused before a call."""
    with pytest.raises(TypeError) as caught:
        kwarg_remapper(cut, **names)
    assert str(caught.value) == message


def test_a_template_renames_and_freezes_options_and_leaves_its_parent_alone() -> None:
    """The subclass takes outer names, has its frozen values, and the parent is what it was."""
    before = str(inspect.signature(LineCutter.__init__))
    cls = template_class("TwentyCutter", LineCutter, {"mark": "separator"}, {"limit": 20})
    node = cls(separator=";", name="cut")
    assert (cls.__name__, issubclass(cls, LineCutter)) == ("TwentyCutter", True)
    assert (node.mark, node.limit, node.name) == (";", 20, "cut")
    assert {"separator", "name", "summary"} <= set(options_of(cls))
    assert not {"mark", "limit"} & set(options_of(cls))
    assert str(inspect.signature(LineCutter.__init__)) == before
    assert LineCutter(mark="|").mark == "|"
    assert template_class("Same", LineCutter, None, None)(mark="|").mark == "|"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limit": 3}, "Twenty has frozen the option `limit`"),
        ({"mark": ";"}, "Twenty has no option `mark`"),
        ({"separtor": ";"}, "Twenty has no option `separtor`; did you mean `separator`?"),
    ],
)
def test_a_template_refuses_frozen_and_unknown_options(options: dict[str, Any], message: str) -> None:
    """What is frozen cannot be given, and what is unknown is a TypeError with the nearest name."""
    cls = template_class("Twenty", LineCutter, {"mark": "separator"}, {"limit": 20})
    with pytest.raises(TypeError) as caught:
        cls(**options)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("remapping", "frozen", "message"),
    [
        (None, {"limt": 1}, "LineCutter has no option `limt` to freeze; did you mean `limit`?"),
        ({"limit": "most"}, {"limit": 1}, "the option `limit` of LineCutter is both renamed and frozen"),
        ({"mark": "limit"}, None, "two keywords of LineCutter would be called `limit`"),
    ],
)
def test_a_template_that_makes_no_sense_is_refused(
    remapping: dict[str, str] | None, frozen: dict[str, Any] | None, message: str
) -> None:
    """Mistakes in the names are found when the class is made."""
    with pytest.raises(TypeError) as caught:
        template_class("Wrong", LineCutter, remapping, frozen)
    assert str(caught.value) == message
