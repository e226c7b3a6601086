"""Keys by which a service knows what it was sent before: ``idempotency_key`` of ``HttpPostRequest``.

A key is made of what is sent and of nothing that changes from run to run, so a row that is sent again after a crash, a
resumption or a replay has the key that it had.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import msgspec
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from nanotyped.errors import NodeOptionError, RowError
from nanotyped.nodes.http.headers import check_header_name
from nanotyped.row import RowEncoder, Schema
from nanotyped.row.compiled import compile_projection
from nanotyped.row.rows import row_info
from nanotyped.row.schema import BARE_VALUE

if TYPE_CHECKING:
    from nanotyped.row import Row

KEY_DIGITS = 32
"""Hexadecimal digits of a key: 128 bits, and no more than the 40 characters that some services take."""

KEY_SCHEMA: Mapping[str, Any] = {"type": "string", "minLength": KEY_DIGITS, "maxLength": KEY_DIGITS}
"""The JSON Schema of a key."""

Digester = Callable[[Sequence["Row"], int], list[str]]
_json = msgspec.json.Encoder()


class IdempotencyKey(BaseModel):
    """Which keys a sink gives to what it sends. At least one of ``header`` and ``field`` is needed.

    Args:
        header: The header of each request that holds its key, such as ``Idempotency-Key``. A request of one row has
            that row's key; one of more has a key made of all of theirs, which is the same only where its rows are.
        field: The member of each row's object that holds the row's key.
        columns: The columns that a row's key is made of; by default all that are sent, so that equal rows have one key.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    header: str | None = None
    field: str | None = Field(default=None, min_length=1)
    columns: Sequence[str] | None = Field(default=None, min_length=1)

    @field_validator("header")
    @classmethod
    def _check_header(cls, name: str | None) -> str | None:
        if name is not None:
            check_header_name(name)
        return name

    @model_validator(mode="after")
    def _check_places(self) -> Self:
        if self.header is None and self.field is None:
            raise ValueError("it says nowhere to put the key: give header, field, or both")
        return self

    def problems(self, given: Schema, label: str) -> list[NodeOptionError]:
        """Return what is wrong with it for rows of ``given``; ``label`` is the name of the node."""
        place = f"node `{label}`, idempotency_key"
        found = [
            NodeOptionError(f"{place}: there is no column `{name}`", node=label, hint=given.missing_column(name))
            for name in dict.fromkeys(self.columns or ())
            if name not in given
        ]
        if self.field is not None and given.names == (BARE_VALUE,):
            found.append(NodeOptionError(f"{place}: a bare value has no place for field `{self.field}`", node=label))
        elif self.field is not None and self.field in given:
            hint = "choose a name that no column has"
            reason = f"{place}: field `{self.field}` would take the place of the column of that name"
            found.append(NodeOptionError(reason, node=label, hint=hint))
        return found


class KeyMaker:
    """Makes the keys of rows and of requests. Belongs to one thread.

    A row's key is the beginning of SHA-256 over the names of pipeline and node and the row's columns, by name, in the
    JSON form of their types. Other runs, processes, batches and orders of columns make the same.

    Args:
        option: What the pipeline says of keys.
        pipeline: Name of the pipeline, ``None`` without one.
        node: Name of the node.
    """

    def __init__(self, option: IdempotencyKey, pipeline: str | None, node: str) -> None:
        self._option = option
        self._scope = hashlib.sha256(_json.encode([pipeline, node]) + b"\n")
        self._digesters: dict[type[Row], Digester] = {}

    def of_rows(self, rows: Sequence[Row], first: int) -> list[str]:
        """Return the key of each row; all are of one class, and ``first`` is the number of the first.

        Raises:
            RowError: If such rows lack a column, or have one in the place of the key, or no JSON form.
        """
        row_class = type(rows[0])
        digest = self._digesters.get(row_class)
        if digest is None:
            digest = self._digesters[row_class] = self._compile(row_class, first)
        return digest(rows, first)

    def of_request(self, keys: Sequence[str]) -> str:
        """Return the key of a request of rows that have these keys."""
        return keys[0] if len(keys) == 1 else self._digest("".join(keys).encode())

    def _digest(self, data: bytes) -> str:
        made = self._scope.copy()
        made.update(data)
        return made.hexdigest()[:KEY_DIGITS]

    def _compile(self, row_class: type[Row], first: int) -> Digester:
        given = row_info(row_class).schema
        if problems := self._option.problems(given, ""):
            reason = str(problems[0]).removeprefix("node ``, ")
            raise RowError(f"row {first}: {reason}", row=first)
        names = sorted(set(self._option.columns or given.names))
        wanted = Schema([given[name] for name in names])
        encoder = RowEncoder(wanted)
        if wanted.names == given.names:
            return lambda rows, number: [self._digest(line) for line in lines_of(encoder, rows, number)]
        project = compile_projection(row_class, wanted.row_class())
        return lambda rows, number: [self._digest(line) for line in lines_of(encoder, project(rows), number)]


def lines_of(encoder: RowEncoder, rows: Sequence[Row], first: int) -> list[bytes]:
    """Return the JSON of each row. A line end within a text is an escape, so that lines tell rows apart."""
    return encoder.lines(rows, first).split(b"\n")[:-1]


def with_member(line: bytes, name: str, text: str) -> bytes:
    """Return the JSON of an object with one more member, a text, behind the others."""
    member = b"%b:%b}" % (_json.encode(name), _json.encode(text))
    return b"{" + member if line == b"{}" else b"%b,%b" % (line[:-1], member)
