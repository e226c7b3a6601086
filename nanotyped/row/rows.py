"""``Row``: a message of typed values. A class is a schema, an instance a message.

Rows are frozen ``msgspec`` Structs: made, read and encoded in C. ``Row`` itself is only the door to them: its
metaclass turns ``class Customer(Row)`` into a Struct over ``RowBase`` and takes bare calls,
``Row(INTEGER(3, name="n"))``, so that neither costs anything where a row of a known class is made.
"""

from __future__ import annotations

import inspect
import keyword
import threading
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, dataclass_transform, get_type_hints
from weakref import WeakValueDictionary

import msgspec

from nanotyped.errors import CellProblem, IncompatibleTypesException, RowValidationError, TypeCastError, shown
from nanotyped.row.schema import Column, Schema
from nanotyped.types.base import DataSourceTypeSystem, DataType
from nanotyped.types.convert import convert_to_type_system, primitive_to_intermediate_type
from nanotyped.types.intermediate import NULL, IntermediateTypeSystem
from nanotyped.types.python import annotation_type

R = TypeVar("R", bound="RowBase")
_StructMeta: Any = type(msgspec.Struct)
BARE_VALUE = "__value__"
_REQUIRED: Any = msgspec.NODEFAULT
_class_lock = threading.Lock()
_classes: WeakValueDictionary[Schema, type[RowBase]] = WeakValueDictionary()


@dataclass(frozen=True, slots=True, weakref_slot=True)
class RowInfo:
    """What is known of a row class: its schema, and the Struct's field name of each column."""

    schema: Schema
    fields: Mapping[str, str]
    type_system: type[DataSourceTypeSystem]
    declared: bool


def column(*, name: str | None = None, key: bool = False, default: Any = _REQUIRED) -> Any:
    """Say more of a declared column than its type.

    For example ``order_id: int = column(name="order id", key=True)``.

    Args:
        name: Name of the column where it is no Python identifier, or is the name of a method.
        key: Whether the column belongs to the key.
        default: Value of a row made without it.
    """
    return _ColumnField(name, key, default)


@dataclass(frozen=True, slots=True)
class _ColumnField:
    name: str | None
    key: bool
    default: Any


if TYPE_CHECKING:
    # What checkers see: a plain base and a metaclass of frozen, keyword-only dataclasses. They would take msgspec's
    # own, which is not frozen, and miss an assignment to a column.
    @dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(column,))
    class _RowType(type): ...

    class _Struct(metaclass=_RowType):
        __struct_fields__: ClassVar[tuple[str, ...]]
        __struct_encode_fields__: ClassVar[tuple[str, ...]]

    def astuple(row: object) -> tuple[Any, ...]:
        """Return the values of a row, in order."""
else:
    from msgspec.structs import astuple

    _Struct = msgspec.Struct


class _SchemaOfClass:
    """Descriptor: ``Customer.schema``."""

    def __get__(self, row: object, owner: type[RowBase]) -> Schema:
        return row_info(owner).schema


class RowBase(_Struct, frozen=True):
    """What every row can do. Write ``class Customer(Row)``, not this."""

    if TYPE_CHECKING:
        schema: ClassVar[Schema]
    else:
        schema = _SchemaOfClass()

    @classmethod
    def from_dict(
        cls, values: Mapping[str, object], type_system: type[DataSourceTypeSystem] = IntermediateTypeSystem
    ) -> Self:
        """Return a row of a mapping of column names to Python values.

        Of ``Row`` itself: types are inferred from the values and brought to ``type_system``; a null has no known type
        and fits every nullable column. Of a declared class: values are cast to its columns.

        Raises:
            TypeError: If ``values`` is no mapping, or lacks or adds a column of a declared class.
            RowValidationError: If values do not fit the columns of a declared class; names each of them.
            TypeCastError: If a value does not fit what was inferred for it.
        """
        if not isinstance(values, Mapping):
            raise TypeError(f"a row is made of a mapping of column names to values, not of {type(values).__name__}")
        if cls is RowBase:
            return _infer_row(values, type_system)  # type: ignore[return-value]  # a row of no declared class
        return _cast_row(cls, values)

    @property
    def type_system(self) -> type[DataSourceTypeSystem]:
        """The type system of all columns; the intermediate one for a row of several."""
        return row_info(type(self)).type_system

    def keys(self) -> tuple[str, ...]:
        """Return the column names, in order."""
        return tuple(row_info(type(self)).fields)

    def is_empty(self) -> bool:
        """Return whether the row has no column at all."""
        return not self.__struct_fields__

    def to_python(self) -> dict[str, Any]:
        """Return ``{column name: Python value}``, in order."""
        return dict(zip(row_info(type(self)).fields, astuple(self), strict=True))

    def convert(self, type_system: type[DataSourceTypeSystem]) -> Row:
        """Return the row in another type system; names and origins of the values stay.

        Raises:
            IncompatibleTypesException: If the system has no type for a column.
        """
        return row_of_values([convert_to_type_system(self[name], type_system) for name in self], type_system)

    def concat(self, other: RowBase, fail_on_duplicate: bool = True) -> Row:
        """Return a new row: these columns, then the other's.

        Raises:
            ValueError: If both have a column; with ``fail_on_duplicate=False`` the other's value is taken.
        """
        shared = [name for name in other if name in self]
        if shared and fail_on_duplicate:
            raise ValueError(f"both rows have {', '.join(f'`{name}`' for name in shared)}")
        values = {name: self[name] for name in self} | {name: other[name] for name in other}
        return row_of_values(list(values.values()), None)

    def __add__(self, other: object) -> Row:
        if not isinstance(other, RowBase):
            return NotImplemented
        if len(self) and len(other) and self.type_system is not other.type_system:
            raise IncompatibleTypesException(
                f"rows of {self.type_system.__name__} and {other.type_system.__name__} do not go together; "
                "convert one of them first"
            )
        return self.concat(other, fail_on_duplicate=False)

    def __getitem__(self, name: str) -> DataType:
        info = row_info(type(self))
        field = info.fields.get(name) if isinstance(name, str) else None
        if field is None:
            raise KeyError(name)
        return info.schema[name].type(getattr(self, field), name=name)

    def __iter__(self) -> Iterator[str]:
        return iter(row_info(type(self)).fields)

    def __contains__(self, name: object) -> bool:
        return name in row_info(type(self)).fields

    def __len__(self) -> int:
        return len(self.__struct_fields__)

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.to_python().items())
        return f"{type(self).__name__}({shown})"

    def __reduce__(self) -> tuple[Any, ...]:
        cls = type(self)
        info = row_info(cls)
        return (cls, astuple(self)) if info.declared else (_rebuild_row, (info.schema, astuple(self)))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from nanotyped.row.pydantic_bridge import core_schema_of  # noqa: PLC0415 - most programs never need it

        return core_schema_of(cls)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        from nanotyped.row.pydantic_bridge import json_schema_of  # noqa: PLC0415 - most programs never need it

        return json_schema_of(cls)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in inspect.get_annotations(cls):
            if name in _RESERVED:
                raise TypeError(
                    f"{cls.__name__}: `{name}` is a method of every row; name the field otherwise and keep the column: "
                    f'{name}_: ... = column(name="{name}")'
                )


_RESERVED = frozenset(name for name in dir(RowBase) if not name.startswith("__"))


class _Door(type):
    """Metaclass of ``Row``: makes Structs of its subclasses and takes its bare calls."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **kwargs: Any) -> Any:
        if not bases:
            return super().__new__(mcs, name, bases, namespace)
        described = {key: item for key, item in namespace.items() if isinstance(item, _ColumnField)}
        for key, item in described.items():
            namespace[key] = msgspec.field(default=item.default, name=item.name)
        struct_bases = tuple(RowBase if base is Row else base for base in bases)
        made = _StructMeta(name, struct_bases, namespace, **{"frozen": True, **kwargs})
        made.__described__ = described  # read by row_info
        return made

    def __call__(cls, *values: DataType, type_system: type[DataSourceTypeSystem] | None = None) -> RowBase:
        return row_of_values(values, type_system)

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, RowBase)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return subclass is cls or issubclass(subclass, RowBase)

    def __getattr__(cls, name: str) -> Any:
        return getattr(RowBase, name)


if TYPE_CHECKING:

    class Row(RowBase):
        """A message: a frozen mapping of column names to typed values."""

        def __init__(self, *values: DataType, type_system: type[DataSourceTypeSystem] | None = None) -> None: ...
else:

    class Row(metaclass=_Door):
        """A message: a frozen mapping of column names to typed values.

        ``class Customer(Row)`` declares a kind of row; its annotations are the columns. ``row.id`` is the Python value,
        ``row["id"]`` the typed value. ``Row(MYSQL_INTEGER8(3, name="n"))`` and ``Row.from_dict({"n": 3})`` make rows of
        no declared class. A row is equal to a row of the same class with equal values, never changes, and has no truth
        but true.
        """

        from_dict = RowBase.from_dict


def row_info(cls: type[RowBase]) -> RowInfo:
    """Return what is known of a row class; a declared class is read when first asked for.

    Raises:
        TypeError: If an annotation is no column type.
        NameError: If an annotation names what is not known where the class stands.
    """
    info: RowInfo | None = cls.__dict__.get("__row_info__")
    if info is None:
        info = _read_declaration(cls)
        cls.__row_info__ = info  # type: ignore[attr-defined]  # kept on the class, not on its children
    return info


def _read_declaration(cls: type[RowBase]) -> RowInfo:
    hints = get_type_hints(cls, include_extras=True)
    described: dict[str, _ColumnField] = {}
    for base in reversed(cls.__mro__):
        described |= getattr(base, "__described__", {}) if "__described__" in base.__dict__ else {}
    columns: list[Column] = []
    problems: list[str] = []
    for field, encoded in zip(cls.__struct_fields__, cls.__struct_encode_fields__, strict=True):
        try:
            kind, nullable = annotation_type(hints[field])
        except TypeError as error:
            problems.append(f"`{field}`: {error}")
            continue
        key = field in described and described[field].key
        columns.append(Column(encoded, kind, nullable=nullable, key=key))
    if problems:
        raise TypeError(f"{cls.__name__} has columns of no known type: {'; '.join(problems)}")
    schema = Schema(columns)
    fields = dict(zip(cls.__struct_encode_fields__, cls.__struct_fields__, strict=True))
    return RowInfo(schema, fields, _common_system(schema), declared=True)


def _common_system(schema: Schema) -> type[DataSourceTypeSystem]:
    systems = {column.type.type_system for column in schema if column.type is not NULL}
    return systems.pop() if len(systems) == 1 else IntermediateTypeSystem


def row_class_of(schema: Schema) -> type[Row]:
    """Return the Row class made on the fly for a schema: one for all equal schemas, kept as long as it is used."""
    with _class_lock:
        found = _classes.get(schema)
        if found is None:
            found = _make_class(schema)
            _classes[schema] = found
    return found  # type: ignore[return-value]  # checkers see RowBase's subclass Row


def _make_class(schema: Schema) -> type[RowBase]:
    fields = {column.name: field_name(column.name, index) for index, column in enumerate(schema)}
    if len(set(fields.values())) != len(fields):  # a column bears the name that another one was given
        fields = {name: f"column_{index}_" for index, name in enumerate(fields)}
    namespace: dict[str, Any] = {
        "__annotations__": dict.fromkeys(fields.values(), Any),
        "__module__": __name__,
        "__qualname__": "Row",
        "__doc__": f"A row of {schema.spelling()}.",
    }
    namespace |= {field: msgspec.field(name=name) for name, field in fields.items() if name != field}
    made: type[RowBase] = _StructMeta("Row", (RowBase,), namespace, frozen=True, weakref=False)
    made.__row_info__ = RowInfo(schema, fields, _common_system(schema), declared=False)  # type: ignore[attr-defined]
    return made


def field_name(name: str, index: int) -> str:
    """Return the Struct field of a column: its own name, unless Python could not read it as an attribute."""
    plain = name.isidentifier() and not keyword.iskeyword(name) and unicodedata.normalize("NFKC", name) == name
    if plain and name not in _RESERVED and not name.startswith("__"):
        return name
    return f"column_{index}_"


def row_of_values(values: list[DataType] | tuple[DataType, ...], type_system: type[DataSourceTypeSystem] | None) -> Row:
    """Return a row of typed values, in order; each must bear a name of its own.

    Raises:
        TypeError: If something is no ``DataType``, or has no name.
        ValueError: If two values bear one name.
        IncompatibleTypesException: If a value is not of ``type_system``.
    """
    columns: list[Column] = []
    for value in values:
        if not isinstance(value, DataType):
            raise TypeError(f"a row is made of typed values, not of {value!r}; Row.from_dict takes Python values")
        if value.name is None:
            raise TypeError(f"{value!r} has no name; a column needs one: {type(value).__name__}(…, name='…')")
        if type_system is not None and value.type_system is not type_system and type(value) is not NULL:
            raise IncompatibleTypesException(
                f"column `{value.name}` is of {value.type_system.__name__}, not of {type_system.__name__}"
            )
        columns.append(Column(value.name, type(value), nullable=value.value is None))
    schema = Schema(columns)
    return row_class_of(schema)(*(value.value for value in values))


def _infer_row(values: Mapping[str, object], type_system: type[DataSourceTypeSystem]) -> Row:
    typed: list[DataType] = []
    for name, value in values.items():
        if not isinstance(name, str):
            raise TypeError(f"a column name is text, not {name!r}")
        inferred = infer_value(value, name)
        if type_system is not IntermediateTypeSystem and type(inferred) is not NULL:
            inferred = convert_to_type_system(inferred, type_system)
        typed.append(inferred)
    return row_of_values(typed, type_system)


def _cast_row(cls: type[R], values: Mapping[str, object]) -> R:
    """Return a row of a declared class, its values cast to its columns; a column with a default may be missing."""
    info = row_info(cls)
    struct: Any = cls
    optional = {item.encode_name for item in msgspec.structs.fields(struct) if not item.required}
    shape = [
        f"it has no column `{name}`, {info.schema.missing_column(str(name))}"
        for name in values
        if name not in info.fields
    ]
    shape += [f"column `{name}` is missing" for name in info.fields if name not in values and name not in optional]
    if shape:
        raise TypeError(f"{cls.__name__}: {'; '.join(shape)}")
    cast: dict[str, Any] = {}
    problems: list[CellProblem] = []
    for column_ in info.schema:
        if column_.name not in values:
            continue
        value = values[column_.name]
        if value is None and not column_.nullable:
            problems.append(CellProblem(1, column_.name, column_.spelling(), "None", "it may not be null"))
            continue
        try:
            cast[info.fields[column_.name]] = column_.type(value).value
        except TypeCastError as error:
            problems.append(CellProblem(1, column_.name, column_.spelling(), shown(value), error.reason))
    if problems:
        raise RowValidationError(problems)
    return cls(**cast)


def infer_value(value: object, name: str) -> DataType:
    """Return a Python value typed by what it is; ``None`` is a null of no known type.

    Raises:
        IncompatibleTypesException: If no type describes it.
    """
    if value is None:
        return NULL(None, name=name)
    if isinstance(value, DataType):
        return value if value.name == name else value.named(name)
    return primitive_to_intermediate_type(value, name)


def values_getter(cls: type[RowBase], names: tuple[str, ...]) -> attrgetter[Any]:
    """Return a callable that reads the named columns of a row of ``cls``: a tuple, or the value of a single one."""
    fields = row_info(cls).fields
    return attrgetter(*(fields[name] for name in names))


def _rebuild_row(schema: Schema, values: tuple[Any, ...]) -> Row:
    return row_class_of(schema)(*values)
