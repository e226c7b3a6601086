"""A MySQL table into typed, checked rows: nanotyped beside PyMySQL's own streaming cursor, which checks nothing."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pymysql

from benchmarks.measure import measure
from benchmarks.shop import TABLE, connect_by_hand
from nanotyped import NanoNode, Row, StreamMySQLTable

if TYPE_CHECKING:
    from nanotyped.message import Batch


class Count(NanoNode[Any, Any]):
    seen = 0

    def process_batch(self, batch: Batch[Row]) -> Sequence[Row]:
        self.seen += len(batch)
        return ()


def nanotyped(url: str) -> int:
    source, sink = StreamMySQLTable(url=url, table=TABLE), Count()
    source > sink
    source.run()
    return sink.seen


def pymysql_raw(url: str) -> int:
    connection = connect_by_hand(url, pymysql.cursors.SSCursor)
    seen = 0
    with connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {TABLE}")  # noqa: S608 - a constant
        for _ in cursor:
            seen += 1
    return seen


PEERS = {"nanotyped": nanotyped, "pymysql": pymysql_raw}

if __name__ == "__main__":
    peer, url_, rows_ = sys.argv[1], sys.argv[2], int(sys.argv[3])
    measure(rows_, lambda: PEERS[peer](url_))
