"""The Arrow families that are made of other types: lists, geometries, dictionaries and run-end encoding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from nanotyped.types import intermediate as it
from nanotyped.types.arrow.families import ARROW_BINARY, ARROW_INT, ARROW_NULL, ARROW_STRING, ArrowType
from nanotyped.types.intermediate.system import check_range

if TYPE_CHECKING:
    from nanotyped.types.base import DataType

_LAYOUTS: Mapping[str | None, str] = {
    None: "list",
    "large": "large_list",
    "view": "list_view",
    "large_view": "large_list_view",
}


class ARROW_LIST(ArrowType):
    """``list<item: string>``, a set, and ``list<item: float>``, a vector.

    Parameters: ``item`` (a type), ``layout`` (``large``, ``view``, ``large_view``) or ``length`` (of each list),
    ``item_name``, ``required`` (``not null`` stands behind the item).
    """

    __slots__ = ()
    parameter_names = ("item", "layout", "length", "item_name", "required")
    python_type: ClassVar[type] = it.SET.python_type
    item: ClassVar[type[ArrowType]] = ARROW_STRING
    layout: ClassVar[str | None] = None
    length: ClassVar[int | None] = None
    item_name: ClassVar[str] = "item"
    required: ClassVar[bool] = False

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters, checked."""
        layout, length = parameters.get("layout"), parameters.get("length")
        if layout not in _LAYOUTS or (layout and length is not None):
            raise ValueError(f"layout must be one of {tuple(filter(None, _LAYOUTS))}, for lists of any length")
        check_range(parameters, "length", 1, it.MAX_DIMENSIONS)
        meaning = _meaning_of_list(parameters.get("item", cls.item), length)
        return {**parameters, "python_type": meaning.python_type}

    @classmethod
    def spelling(cls) -> str:
        """Return the type as ``str`` of pyarrow's spells it."""
        required = " not null" if cls.required else ""
        item = f"<{cls.item_name}: {cls.item.spelling()}{required}>"
        return f"{_LAYOUTS[cls.layout]}{item}" if cls.length is None else f"fixed_size_list{item}[{cls.length}]"

    @classmethod
    def to_intermediate_class(cls) -> type[DataType]:
        """Return the intermediate type of the same values."""
        return _meaning_of_list(cls.item, cls.length)

    @classmethod
    def make(cls, arrow: Any) -> Any:
        """Return the type out of the module ``pyarrow``."""
        item = arrow.field(cls.item_name, cls.item.make(arrow), nullable=not cls.required)
        return arrow.list_(item, cls.length) if cls.length is not None else _list_maker(arrow, cls.layout)(item)


def _list_maker(arrow: Any, layout: str | None) -> Any:
    return arrow.list_ if layout is None else getattr(arrow, _LAYOUTS[layout])


def _meaning_of_list(item: type[ArrowType], length: int | None) -> type[DataType]:
    if item.intermediate_type is it.STRING and length is None:
        return it.SET
    if item.intermediate_type is it.FLOAT.of(bits=32):
        return it.VECTOR.of(dimensions=length)
    raise ValueError(
        "only a list of string (a set) or of float (a vector) has a type; give JSON text, as extension<arrow.json>"
    )


class ARROW_GEOMETRY(ArrowType):
    """``struct<srid: uint32, wkb: binary>``: each geometry says its reference system, as in MySQL.

    Parameter: ``wkb``, a type of bytes.
    """

    __slots__ = ()
    parameter_names = ("wkb",)
    python_type = it.GEOMETRY.python_type
    means = it.GEOMETRY
    wkb: ClassVar[type[ArrowType]] = ARROW_BINARY

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters, checked."""
        if parameters["wkb"].intermediate_type is not it.BYTES:
            raise ValueError("the wkb of a geometry is bytes of any length")
        return dict(parameters)

    @classmethod
    def spelling(cls) -> str:
        """Return the type as ``str`` of pyarrow's spells it."""
        return f"struct<srid: uint32, wkb: {cls.wkb.spelling()}>"

    @classmethod
    def make(cls, arrow: Any) -> Any:
        """Return the type out of the module ``pyarrow``."""
        return arrow.struct([("srid", arrow.uint32()), ("wkb", cls.wkb.make(arrow))])


def _plain_values(values: type[ArrowType]) -> type[ArrowType]:
    """Return the type of the values of a dictionary or of runs, if it is not made of others itself."""
    if issubclass(values, ARROW_LIST | ARROW_GEOMETRY | ARROW_DICTIONARY | ARROW_RUN_END_ENCODED | ARROW_NULL):
        raise ValueError(f"its values are of `{values.spelling()}`; decode it first")  # noqa: TRY004 - as of other parameters
    return values


class ARROW_DICTIONARY(ArrowType):
    """``dictionary<values=string, indices=int32, ordered=0>``: what pandas, polars and DuckDB take for categories.

    Parameters: ``values`` and ``indices`` (types), ``ordered``. It holds what its values hold.
    """

    __slots__ = ()
    parameter_names = ("values", "indices", "ordered")
    python_type: ClassVar[type] = ARROW_STRING.python_type
    values: ClassVar[type[ArrowType]] = ARROW_STRING
    # What pyarrow makes by itself and reads out of Parquet, and wide enough for every ENUM.
    indices: ClassVar[type[ArrowType]] = ARROW_INT.of(bits=32)
    ordered: ClassVar[bool] = False

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters, checked."""
        if not issubclass(parameters.get("indices", cls.indices), ARROW_INT):
            raise ValueError("the indices of a dictionary are integers")  # noqa: TRY004 - as of other parameters
        return {**parameters, "python_type": _plain_values(parameters.get("values", cls.values)).python_type}

    @classmethod
    def spelling(cls) -> str:
        """Return the type as ``str`` of pyarrow's spells it."""
        return (
            f"dictionary<values={cls.values.spelling()}, indices={cls.indices.spelling()}, ordered={int(cls.ordered)}>"
        )

    @classmethod
    def to_intermediate_class(cls) -> type[DataType]:
        """Return the intermediate type of the same values."""
        return cls.values.intermediate_type

    @classmethod
    def make(cls, arrow: Any) -> Any:
        """Return the type out of the module ``pyarrow``."""
        return arrow.dictionary(cls.indices.make(arrow), cls.values.make(arrow), cls.ordered)


class ARROW_RUN_END_ENCODED(ArrowType):
    """``run_end_encoded<run_ends: int32, values: string>``. Parameters: ``run_ends``, ``values`` (types)."""

    __slots__ = ()
    parameter_names = ("run_ends", "values")
    python_type: ClassVar[type] = ARROW_STRING.python_type
    run_ends: ClassVar[type[ArrowType]] = ARROW_INT.of(bits=32)
    values: ClassVar[type[ArrowType]] = ARROW_STRING

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters, checked."""
        known = [ARROW_INT.of(bits=bits) for bits in (16, 32, 64)]
        if parameters.get("run_ends", cls.run_ends) not in known:
            raise ValueError("the ends of runs are integers of 16, 32 or 64 bits")
        return {**parameters, "python_type": _plain_values(parameters.get("values", cls.values)).python_type}

    @classmethod
    def spelling(cls) -> str:
        """Return the type as ``str`` of pyarrow's spells it."""
        return f"run_end_encoded<run_ends: {cls.run_ends.spelling()}, values: {cls.values.spelling()}>"

    @classmethod
    def to_intermediate_class(cls) -> type[DataType]:
        """Return the intermediate type of the same values."""
        return cls.values.intermediate_type

    @classmethod
    def make(cls, arrow: Any) -> Any:
        """Return the type out of the module ``pyarrow``."""
        return arrow.run_end_encoded(cls.run_ends.make(arrow), cls.values.make(arrow))
