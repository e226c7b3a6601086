"""Rows of equal values brought together: cut into buckets on the workers, spooled here, and given to workers again.

For nodes with ``partition_by`` whose groups the source cannot keep in one part. Pieces pass through the coordinator's
disk: a worker that is killed loses nothing that another had made.
"""

from __future__ import annotations

import json
import shutil
import struct
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import groupby
from typing import TYPE_CHECKING, Any, ClassVar, Never

from nanotyped.cluster.folders import make_folder
from nanotyped.cluster.returning import RETURNED_ROWS, Encoders, RowReader
from nanotyped.errors import ClusterError
from nanotyped.node import NanoNode
from nanotyped.row.rows import row_info

if TYPE_CHECKING:
    from pathlib import Path

    from nanotyped.message import Batch
    from nanotyped.row import Row, Schema

BUCKETS_PER_SLOT = 4
ROWS_PER_BUCKET = 100_000
_LENGTH = struct.Struct("<Q")


def bucket_of(values: Sequence[Any], buckets: int) -> int:
    """Return the bucket of a group: the same in every process, and for all values that are equal."""
    found = 0
    for value in values:
        found = zlib.crc32(_stable_bytes(value), found)
    return found % buckets


def _stable_bytes(value: Any) -> bytes:
    match value:
        case str():
            return value.encode("utf-8", "surrogatepass")
        case bytes():
            return value
        case int() | float() | Decimal():  # equal numbers have one hash, whatever they are written as
            return _LENGTH.pack(hash(value) % 2**64)
        case datetime() if value.tzinfo is not None:
            return value.astimezone(UTC).isoformat().encode()
        case datetime() | date() | time():
            return value.isoformat().encode()
        case timedelta():
            return str(value.total_seconds()).encode()
        case dict() | list():
            return json.dumps(value, sort_keys=True, default=repr).encode()
    return repr(value).encode()


class Sorting(NanoNode[object, Never]):
    """Takes the rows that are to be brought together, and cuts them into buckets. A sink on the workers.

    Args:
        by: The columns whose equal values belong together.
        buckets: How many buckets there are.

    Attributes:
        pieces: The rows so far, encoded, by bucket.
    """

    one_worker_because: ClassVar[str] = "the rows keep their order"

    def __init__(self, *, by: Sequence[str], buckets: int, **options: Any) -> None:
        super().__init__(batch_rows=RETURNED_ROWS, **options)
        self.by = tuple(by)
        self.buckets = buckets
        self.pieces: dict[int, list[bytes]] = {}
        self._encoders = Encoders()

    def setup(self) -> None:
        """Begin with nothing."""
        self.pieces = {}

    def process_batch(self, batch: Batch[Row]) -> Sequence[Row]:
        """Cut the rows into buckets, and encode those of each.

        Raises:
            RowError: If a value is none of its column's type, or one that Arrow cannot hold.
        """
        number = self.first_row_number
        for row_class, group in groupby(batch.rows, type):
            fields = [row_info(row_class).fields[name] for name in self.by]
            sorted_rows: dict[int, list[Row]] = {}
            count = 0
            for row in group:
                bucket = bucket_of([getattr(row, field) for field in fields], self.buckets)
                sorted_rows.setdefault(bucket, []).append(row)
                count += 1
            for bucket, rows in sorted_rows.items():
                self.pieces.setdefault(bucket, []).append(self._encoders.encoded(row_class, rows, number))
            number += count
        return ()


class SortedRows(NanoNode[Never, Any]):
    """Gives the rows of a bucket, in the order of the source. A source on the workers, in the place of a node there.

    Args:
        gives: The schema of its rows, where all have one.
        classes: Row classes that are declared before it: rows of their columns are made of them.

    Attributes:
        pieces: The rows, encoded; set before each run.
    """

    def __init__(self, *, gives: Schema | None, classes: Sequence[type[Row]] = (), **options: Any) -> None:
        super().__init__(**options)
        self.pieces: Sequence[bytes] = ()
        self._gives = gives
        self._reader = RowReader(classes)

    def output_schema_for(self, given: Schema | None) -> Schema | None:
        """Return what the node that it stands for gives."""
        del given  # a source has no input
        return self._gives

    def generate_batches(self) -> Iterator[Sequence[Row]]:
        """Yield the rows."""
        for piece in self.pieces:
            yield self._reader.rows(piece)


class Spool:
    """The buckets of one shuffle, in files of a folder of its own, until ``close``. Used by one thread.

    Args:
        buckets: How many there are.
    """

    def __init__(self, buckets: int) -> None:
        self.buckets = buckets
        self._folder: Path | None = None

    def add(self, pieces: Mapping[int, Sequence[bytes]]) -> None:
        """Keep the pieces of a part, behind those of the parts before it.

        Raises:
            ClusterError: If there is no room for them.
        """
        try:
            self._write(pieces)
        except OSError as error:
            raise ClusterError(
                f"rows of a shuffle cannot be kept in {tempfile.gettempdir()}: {error.strerror}"
            ) from error

    def _write(self, pieces: Mapping[int, Sequence[bytes]]) -> None:
        if self._folder is None:
            self._folder = make_folder("shuffle")
        for bucket, encoded in pieces.items():
            with (self._folder / f"bucket-{bucket}").open("ab") as file:
                for piece in encoded:
                    file.write(_LENGTH.pack(len(piece)))
                    file.write(piece)

    def read(self, bucket: int) -> list[bytes]:
        """Return the pieces of a bucket, in the order in which they came."""
        found: list[bytes] = []
        if self._folder is None or not (path := self._folder / f"bucket-{bucket}").is_file():
            return found
        with path.open("rb") as file:
            while head := file.read(_LENGTH.size):
                found.append(file.read(_LENGTH.unpack(head)[0]))
        return found

    def close(self) -> None:
        """Remove the files."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
