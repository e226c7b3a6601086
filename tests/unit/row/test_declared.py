"""Schemas out of type arguments, through inheritance and type variables, and out of Protocols."""

from __future__ import annotations

from typing import Annotated, Any, Generic, Protocol, TypeVar

import pytest

from nanotyped import NanoNode, PassThrough, Row, mysql_type
from nanotyped.row.declared import schema_of_type, type_arguments

T = TypeVar("T")
U = TypeVar("U")


class A(Row):
    a: int


class B(Row):
    b: int


class Direct(NanoNode[A, B]): ...


class Child(Direct): ...


class Half(NanoNode[A, T], Generic[T]): ...


class Swapped(NanoNode[U, T], Generic[T, U]): ...


class Mixin: ...


@pytest.mark.parametrize(
    ("cls", "expected"),
    [
        (Direct, (A, B)),
        (Child, (A, B)),
        (type("Plain", (Mixin, Child), {}), (A, B)),
        (type("Open", (NanoNode,), {}), ("In_contra", "Out_co")),
        (NanoNode, ("In_contra", "Out_co")),
        (Half, (A, "T")),
        (Half[B].__origin__, (A, "T")),  # type: ignore[attr-defined]  # an alias of a generic has one
        (PassThrough, ("In_contra", "Passed_co")),
        (PassThrough[A, B], (A, B)),
        (Half[B], (A, B)),
    ],
)
def test_arguments(cls: Any, expected: tuple[Any, ...]) -> None:
    """Arguments are found through parents; what a class leaves open is a type variable."""
    found = type_arguments(cls, NanoNode)
    assert tuple(item.__name__ if isinstance(item, TypeVar) else item for item in found) == expected


def test_arguments_through_type_variables() -> None:
    """A variable that a child fills is its value, in whatever order a parent names its own."""

    class Full(Half[B]): ...

    class Turned(Swapped[B, A]): ...

    class Grandchild(Turned): ...

    class Part(PassThrough[A]): ...

    assert type_arguments(Full, NanoNode) == (A, B)
    assert type_arguments(Turned, NanoNode) == (A, B)
    assert type_arguments(Grandchild, NanoNode) == (A, B)
    assert type_arguments(Part, NanoNode)[0] is A
    assert type_arguments(Mixin, NanoNode) == ()


class HasId(Protocol):
    @property
    def id(self) -> Annotated[int, mysql_type("bigint")]: ...


class Needs(HasId, Protocol):
    @property
    def note(self) -> str | None: ...

    def method(self) -> int: ...


def test_schemas_of_types() -> None:
    """A Row class is its schema; a Protocol the columns of its properties, its parents' first; others are no schema."""
    assert schema_of_type(A) is A.schema
    found = schema_of_type(Needs)
    assert found is not None
    assert found.spelling() == "id bigint, note string null"
    for nothing in (Row, object, Any, int, T, dict[str, int], None, Protocol):
        assert schema_of_type(nothing) is None


def test_a_node_that_needs_a_protocol() -> None:
    """A node may need a Protocol: its need is the columns, and its code sees the row as it comes."""

    class Node(NanoNode[Needs, B]): ...

    node = Node()
    needed = node.needed_input()
    assert needed is not None
    assert needed.names == ("id", "note")
    assert node.input_row_class() is None
    assert node.output_row_class() is B
