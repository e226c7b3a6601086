"""A MySQL table to an HTTP API in batches of 500: nanotyped, checked, beside a script of PyMySQL, json and requests."""

from __future__ import annotations

import json
import sys
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pymysql
import requests

from benchmarks.measure import measure
from benchmarks.shop import TABLE, connect_by_hand
from nanotyped import HttpPostRequest, StreamMySQLTable

BATCH_ROWS = 500


def nanotyped(url: str, api: str) -> int:
    source, sink = StreamMySQLTable(url=url, table=TABLE), HttpPostRequest(url=api, batch_rows=BATCH_ROWS)
    source > sink
    source.run()
    return sink.messages_received_counter


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise TypeError(type(value))


def script(url: str, api: str) -> int:
    connection = connect_by_hand(url, pymysql.cursors.SSDictCursor)
    sent = 0
    with connection, connection.cursor() as cursor, requests.Session() as session:
        session.trust_env = False
        cursor.execute(f"SELECT * FROM {TABLE}")  # noqa: S608 - a constant
        while rows := cursor.fetchmany(BATCH_ROWS):
            body = json.dumps(rows, default=_plain)
            session.post(api, data=body, headers={"Content-Type": "application/json"}, timeout=30).raise_for_status()
            sent += len(rows)
    return sent


PEERS = {"nanotyped": nanotyped, "script": script}

if __name__ == "__main__":
    peer, url_, api_, rows_ = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    measure(rows_, lambda: PEERS[peer](url_, api_))
