"""What a node tells of a column: how it comes by one that it gives, and what one is in the world outside.

Both are for people (``nanotyped explain``): nothing that a run or a check does hangs on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from nanotyped.row import Column

OriginKind = Literal["passed on", "renamed", "cast", "filled", "constant", "made", "refused", "unknown"]
FarForm = Literal["column", "json", "csv"]


@dataclass(frozen=True, slots=True)
class Origin:
    """How a node comes by a column that it gives.

    Attributes:
        kind: What it does; ``refused`` where it has not what it needs for that, ``unknown`` where it declares nothing
            that says so.
        columns: The columns that come to it and that the column is made of; empty where it is made of none of them.
        detail: More about it, in a few words: ``lossy: round``, ``'NL'``.
    """

    kind: OriginKind
    columns: tuple[str, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True)
class FarEnd:
    """What a column is beyond a source or a sink.

    Attributes:
        place: How messages name it, such as ``table `shop`.`orders` on 127.0.0.1:3306``.
        form: A column of a table, or a text of JSON or CSV.
        column: The column of the table; ``None`` where it is not known, and for texts.
        taken: What a source takes that column for, by its own policies; ``None`` where it is taken as it is.
        policy: These policies, such as ``bit: bytes``.
        null: How a null is written, for texts.
    """

    place: str
    form: FarForm
    column: Column | None = None
    taken: Column | None = None
    policy: str = ""
    null: str = ""
