"""Arrow: its types as pyarrow spells them, and columns of values as its arrays.

Spelling types needs no pyarrow; ``arrow_type()``, which gives the ``pyarrow.DataType``, and arrays do
(``pip install nanotyped[arrow]``).

Integers keep width and sign (24 bits go into 32, bits and years into the smallest unsigned that holds them). Decimals
up to 38 digits are decimal128, wider ones decimal256. An enum of known members is a dictionary that lists all of them.
Text and bytes that may be beyond 2 GiB are ``large``, bytes of one length of fixed size. Moments and spans are in
microseconds, timestamps in UTC. A set is a list of string, in the order of definition, a vector a list of float, a
geometry a struct, an address its text. UUIDs and JSON are the canonical extensions; the JSON text ``null`` is no null.

An Arrow type that no intermediate type holds exactly (nanoseconds, other zones than UTC, times of day, unions, maps) is
refused with what to do instead.
"""

from __future__ import annotations

from nanotyped.types.arrow import narrowest as _narrowest  # noqa: F401 - it fills the tables of the system
from nanotyped.types.arrow import spelled as _spelled  # noqa: F401 - as above
from nanotyped.types.arrow.arrays import Broken, arrow_type_of, broken_cells, make_array, read_array
from nanotyped.types.arrow.families import (
    ARROW_BINARY,
    ARROW_BOOL,
    ARROW_DECIMAL,
    ARROW_FLOAT,
    ARROW_INT,
    ARROW_JSON,
    ARROW_NULL,
    ARROW_STRING,
    ARROW_UUID,
    ArrowType,
    ArrowTypeSystem,
    load_pyarrow,
)
from nanotyped.types.arrow.moments import ARROW_DATE, ARROW_DURATION, ARROW_TIMESTAMP
from nanotyped.types.arrow.nested import ARROW_DICTIONARY, ARROW_GEOMETRY, ARROW_LIST, ARROW_RUN_END_ENCODED

__all__ = [
    "ARROW_BINARY",
    "ARROW_BOOL",
    "ARROW_DATE",
    "ARROW_DECIMAL",
    "ARROW_DICTIONARY",
    "ARROW_DURATION",
    "ARROW_FLOAT",
    "ARROW_GEOMETRY",
    "ARROW_INT",
    "ARROW_JSON",
    "ARROW_LIST",
    "ARROW_NULL",
    "ARROW_RUN_END_ENCODED",
    "ARROW_STRING",
    "ARROW_TIMESTAMP",
    "ARROW_UUID",
    "ArrowType",
    "ArrowTypeSystem",
    "Broken",
    "arrow_type_of",
    "broken_cells",
    "load_pyarrow",
    "make_array",
    "read_array",
]
