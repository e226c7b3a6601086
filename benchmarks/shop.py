"""The table of the MySQL benchmarks: 12 columns of the usual types, filled once by the server itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pymysql
from sqlalchemy.engine import make_url

if TYPE_CHECKING:
    from tests.support.mariadb import Database

TABLE = "orders"
_CREATE = """
    CREATE TABLE orders (
        id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
        customer int unsigned NOT NULL,
        email varchar(120) NOT NULL,
        city varchar(60) NULL,
        status enum('new', 'paid', 'sent') NOT NULL,
        quantity smallint NOT NULL,
        price decimal(12,2) NOT NULL,
        tax decimal(8,4) NULL,
        weight double NOT NULL,
        ordered date NOT NULL,
        created datetime(6) NOT NULL,
        note text NULL
    )"""
_FILL = """
    INSERT INTO orders (customer, email, city, status, quantity, price, tax, weight, ordered, created, note)
    SELECT seq % 5000, CONCAT('user', seq % 5000, '@example.com'), IF(seq % 7 = 0, NULL, CONCAT('city ', seq % 90)),
        ELT(1 + seq % 3, 'new', 'paid', 'sent'), seq % 50, (seq * 37 % 100000) / 100,
        IF(seq % 3 = 0, NULL, seq / 10000), seq / 7, DATE_ADD('2024-01-01', INTERVAL seq % 365 DAY),
        DATE_ADD('2024-01-01', INTERVAL seq * 61.000123 SECOND),
        IF(seq % 5 = 0, NULL, CONCAT('a note for order ', seq))
    FROM seq_1_to_{rows}"""


def create_orders(database: Database, rows: int) -> None:
    """Make the table and its rows."""
    database.execute(_CREATE, _FILL.format(rows=rows), "ANALYZE TABLE orders")


def connect_by_hand(url: str, cursorclass: type[pymysql.cursors.Cursor]) -> pymysql.Connection[Any]:
    """Connect as a script would, with PyMySQL alone."""
    parts = make_url(url)
    return pymysql.connect(
        host=parts.host,
        port=parts.port or 3306,
        user=parts.username or "",
        password=parts.password or "",
        database=parts.database,
        charset="utf8mb4",
        cursorclass=cursorclass,
    )
