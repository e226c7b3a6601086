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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    NoReturn,
    Self,
    TypeAlias,
    TypeVar,
    dataclass_transform,
    get_origin,
    get_type_hints,
)
from weakref import WeakValueDictionary

import msgspec

from nanotyped.errors import CellProblem, IncompatibleTypesException, RowValidationError, TypeCastError, shown
from nanotyped.row.schema import BARE_VALUE, Column, Schema
from nanotyped.types.base import DataSourceTypeSystem, DataType
from nanotyped.types.convert import convert_to_type_system, primitive_to_intermediate_type
from nanotyped.types.intermediate import NULL, IntermediateTypeSystem
from nanotyped.types.python import annotation_type

R = TypeVar("R", bound="RowBase")
_StructMeta: Any = type(msgspec.Struct)
_Field: Any = type(msgspec.field())
_REQUIRED: Any = msgspec.NODEFAULT
_class_lock = threading.Lock()
Origins: TypeAlias = "tuple[type[DataType] | None, ...]"
_classes: WeakValueDictionary[tuple[Schema, Origins], type[RowBase]] = WeakValueDictionary()


@dataclass(frozen=True, slots=True, weakref_slot=True)
class RowInfo:
    """What is known of a row class: its schema, and the Struct's field name of each column.

    ``origins`` are the types that the values of some columns were converted from, and to which they go back.
    """

    schema: Schema
    fields: Mapping[str, str]
    type_system: type[DataSourceTypeSystem]
    declared: bool
    origins: Mapping[str, type[DataType]] = field(default_factory=dict)


def column(*, name: str | None = None, key: bool = False, default: Any = _REQUIRED) -> Any:
    """Say more of a declared column than its type.

    For example ``order_id: int = column(name="order id", key=True)``.

    Args:
        name: Name of the column where it is no Python identifier, or is the name of a method.
        key: Whether the column belongs to the key.
        default: Value of a row made without it.
    """
    if default is not _REQUIRED and not key and (name is None or is_json_key(name)):
        return msgspec.field(default=default, name=name)
    # More than msgspec can keep; and a column without default that may stand behind one with default.
    return msgspec.field(default_factory=_Described(name, key, default), name=_encoded_name(name or ""))


@dataclass(frozen=True, slots=True)
class _Described:
    """What ``column()`` was told. Where it stands as a default factory of a Struct, it makes the default."""

    name: str | None
    key: bool
    default: Any

    def __call__(self) -> Any:
        if self.default is _REQUIRED:
            which = f"'{self.name}'" if self.name else "of a column()"
            raise TypeError(f"Missing required argument {which}")
        return self.default


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

    @classmethod
    def extend(cls, row: object, /, **added: object) -> Self:
        """Return a row of this class out of another row and the values that it adds, by field; these win.

        ``Scored.extend(row, score=0.5)`` where ``class Scored(Customer)`` declares ``score``. What the class has no
        column for is left out; a column in neither has its default. Values are taken as they are, but for those whose
        Python class changes on the way up (int to Decimal). Of ``Row`` itself: all columns of both, and the types of
        those that are added are inferred.

        Raises:
            TypeError: If ``row`` is no row, a column is in neither, or one is added that the class has not.
        """
        from nanotyped.row.compiled import compile_extension  # noqa: PLC0415 - code is compiled for rows

        if not isinstance(row, RowBase):
            raise TypeError(f"{cls.__name__}.extend takes a row and columns by keyword, not {type(row).__name__}")
        if cls is RowBase:
            values = {name: row[name] for name in row} | {name: infer_value(added[name], name) for name in added}
            return row_of_values(list(values.values()), None)  # type: ignore[return-value]  # of no declared class
        made: Self = compile_extension(type(row), cls, frozenset(added))(row, added)
        return made

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
        converted = [convert_to_type_system(self[name], type_system) for name in self]
        if not all(isinstance(value, DataType) for value in converted):
            raise IncompatibleTypesException(f"{type_system.__name__} has bare values, no types; use to_python()")
        return row_of_values(converted, type_system)

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
        return info.schema[name].type(getattr(self, field), original_type=info.origins.get(name), name=name)

    def __iter__(self) -> Iterator[str]:
        return iter(row_info(type(self)).fields)

    def __contains__(self, name: object) -> bool:
        return name in row_info(type(self)).fields

    def __len__(self) -> int:
        return len(self.__struct_fields__)

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        content = self.to_python()
        if tuple(content) == (BARE_VALUE,):
            return repr(content[BARE_VALUE])  # the wrapper is nobody's business
        shown = ", ".join(f"{name}={value!r}" for name, value in content.items())
        return f"{type(self).__name__}({shown})"

    def __reduce__(self) -> tuple[Any, ...]:
        cls = type(self)
        info = row_info(cls)
        if info.declared:
            return cls, astuple(self)
        origins = tuple(info.origins.get(name) for name in info.fields) if info.origins else ()
        return _rebuild_row, (info.schema, astuple(self), origins)

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


@dataclass(frozen=True, slots=True)
class _Missing:
    """Default factory of a column that has none, but stands behind one that has."""

    field: str

    def __call__(self) -> NoReturn:
        raise TypeError(f"Missing required argument '{self.field}'")


def _declare(name: str, bases: tuple[type, ...], namespace: dict[str, Any], kwargs: dict[str, Any]) -> Any:
    """Return the Struct of a class under ``Row``; its columns with and without default may stand in any order.

    Its children are made by msgspec's own metaclass, which wants columns without default first: there ``= column()``
    lets one stand behind a default. A metaclass of ours would spare them that, and cost every row made by keywords
    300 ns on CPython 3.11 (``docs/design/0001``).
    """
    described: dict[str, _Described] = {}
    optional = False
    for key, annotation in namespace.get("__annotations__", {}).items():
        if _is_class_variable(annotation):
            continue
        given = namespace.get(key, _REQUIRED)
        if isinstance(given, _Field) and isinstance(given.default_factory, _Described):
            described[key] = given.default_factory
            given = msgspec.field(default=given.default_factory.default, name=given.name)
        required = given is _REQUIRED or (
            isinstance(given, _Field) and given.default is _REQUIRED and given.default_factory is _REQUIRED
        )
        if required and optional:  # columns are keywords: their order says nothing
            given = msgspec.field(default_factory=_Missing(key), name=getattr(given, "name", None))
        if given is not _REQUIRED:
            namespace[key] = given
        optional = optional or not required
    made = _StructMeta(name, bases, namespace, **{"frozen": True, **kwargs})
    made.__described__ = described  # read by row_info
    return made


def _is_class_variable(annotation: object) -> bool:
    if isinstance(annotation, str):
        return annotation.partition("[")[0].rpartition(".")[2].strip() == "ClassVar"
    return annotation is ClassVar or get_origin(annotation) is ClassVar


class _Door(type):
    """Metaclass of ``Row``: makes Structs of its subclasses and takes its bare calls."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **kwargs: Any) -> Any:
        if not bases:
            return super().__new__(mcs, name, bases, namespace)
        return _declare(name, tuple(RowBase if base is Row else base for base in bases), namespace, kwargs)

    def __call__(cls, *values: DataType, type_system: type[DataSourceTypeSystem] | None = None) -> RowBase:
        return row_of_values(values, type_system)

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, RowBase)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return subclass is cls or issubclass(subclass, RowBase)

    def __getattr__(cls, name: str) -> Any:
        if name == "schema":
            raise AttributeError("Row itself has no schema; a class that declares columns has one")
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
    described: dict[str, _Described] = {}
    for base in reversed(cls.__mro__):
        for again in inspect.get_annotations(base):
            described.pop(again, None)
        described |= base.__dict__.get("__described__", {})
    struct: Any = cls
    if any(parameter.kind is parameter.KEYWORD_ONLY for parameter in inspect.signature(cls).parameters.values()):
        raise TypeError(
            f"{cls.__name__}: rows are made by position too, so kw_only=True is out; give columns `= column()`"
        )
    for known in msgspec.structs.fields(struct):
        if isinstance(known.default_factory, _Described):
            described[known.name] = known.default_factory
    columns: list[Column] = []
    problems: list[str] = []
    fields: dict[str, str] = {}
    for attribute, encoded in zip(cls.__struct_fields__, cls.__struct_encode_fields__, strict=True):
        item = described.get(attribute, _Described(None, key=False, default=None))
        name = item.name or encoded
        if name in fields:
            problems.append(f"`{fields[name]}` and `{attribute}` are both column `{name}`")
        fields[name] = attribute
        try:
            kind, nullable = annotation_type(hints[attribute])
        except TypeError as error:
            problems.append(f"`{attribute}`: {error}")
            continue
        columns.append(Column(name, kind, nullable=nullable, key=item.key))
    if problems:
        raise TypeError(f"{cls.__name__} has columns of no known type: {'; '.join(problems)}")
    schema = Schema(columns)
    return RowInfo(schema, fields, _common_system(schema), declared=True)


def _common_system(schema: Schema) -> type[DataSourceTypeSystem]:
    systems = {column.type.type_system for column in schema if column.type is not NULL}
    return systems.pop() if len(systems) == 1 else IntermediateTypeSystem


def row_class_of(schema: Schema, origins: Origins = ()) -> type[Row]:
    """Return the Row class made on the fly for a schema: one for all equal schemas, kept as long as it is used.

    Args:
        schema: Of the class.
        origins: For each column what its values were converted from, where that is known; or nothing at all.
    """
    with _class_lock:
        found = _classes.get((schema, origins))
        if found is None:
            found = _make_class(schema, origins)
            _classes[schema, origins] = found
    return found  # type: ignore[return-value]  # checkers see RowBase's subclass Row


def _make_class(schema: Schema, origins: Origins) -> type[RowBase]:
    fields = field_names(schema.names)
    namespace: dict[str, Any] = {
        "__annotations__": dict.fromkeys(fields.values(), Any),
        "__module__": __name__,
        "__qualname__": "Row",
        "__doc__": f"A row of {schema.spelling()}.",
    }
    namespace |= {field: msgspec.field(name=_encoded_name(name)) for name, field in fields.items()}
    made: type[RowBase] = _StructMeta("Row", (RowBase,), namespace, frozen=True, weakref=False)
    known = {name: origin for name, origin in zip(schema.names, origins, strict=False) if origin is not None}
    made.__row_info__ = RowInfo(schema, fields, _common_system(schema), declared=False, origins=known)  # type: ignore[attr-defined]
    return made


def field_names(names: Sequence[str]) -> dict[str, str]:
    """Return the Struct field of each column: its own name, unless Python could not read it as an attribute."""
    taken = set(names)
    fields: dict[str, str] = {}
    for index, name in enumerate(names):
        field = name
        if not _is_attribute(name):
            field = f"column_{index}_"
            while field in taken:  # a column bears that name itself
                field += "_"
        fields[name] = field
    return fields


def _is_attribute(name: str) -> bool:
    """Return whether ``row.<name>`` can be written and reads the column."""
    plain = name.isidentifier() and not keyword.iskeyword(name) and unicodedata.normalize("NFKC", name) == name
    return plain and name not in _RESERVED and not name.startswith("__")


def is_json_key(name: str) -> bool:
    """Return whether a name stands in JSON as it is; msgspec encodes Structs under such names alone."""
    return not any(letter in '\\"' or letter < " " for letter in name)


def _encoded_name(name: str) -> str | None:
    return name if name and is_json_key(name) else None


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
    origins: Origins = tuple(map(_origin, values))
    row_class = row_class_of(Schema(columns), origins if any(origins) else ())
    return row_class(*(value.value for value in values))


def _origin(value: DataType) -> type[DataType] | None:
    origin = value.original_type  # a system, of a value whose type was inferred, says nothing of the way back
    return origin if origin is not None and issubclass(origin, DataType) else None


def _infer_row(values: Mapping[str, object], type_system: type[DataSourceTypeSystem]) -> Row:
    typed: list[DataType] = []
    for name, value in values.items():
        if not isinstance(name, str):
            raise TypeError(f"a column name is text, not {name!r}")
        inferred = infer_value(value, name)
        if inferred.type_system is not type_system and type(inferred) is not NULL:
            inferred = convert_to_type_system(inferred, type_system)
        typed.append(inferred)
    return row_of_values(typed, type_system)


def required_fields(cls: type[RowBase]) -> set[str]:
    """Return the Struct's fields of a row class that have no default."""
    struct: Any = cls
    return {
        item.name
        for item in msgspec.structs.fields(struct)
        if item.required
        or isinstance(item.default_factory, _Missing)
        or (isinstance(item.default_factory, _Described) and item.default_factory.default is _REQUIRED)
    }


def _cast_row(cls: type[R], values: Mapping[str, object]) -> R:
    """Return a row of a declared class, its values cast to its columns; a column with a default may be missing."""
    info = row_info(cls)
    required = required_fields(cls)
    shape = [
        f"it has no column `{name}`, {info.schema.missing_column(str(name))}"
        for name in values
        if name not in info.fields
    ]
    shape += [
        f"column `{name}` is missing" for name, field in info.fields.items() if name not in values and field in required
    ]
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


def _rebuild_row(schema: Schema, values: tuple[Any, ...], origins: Origins) -> Row:
    return row_class_of(schema, origins)(*values)
