"""The shop of the demo: a SQLite file whose columns are declared as MySQL's are."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

ORDERS = 20_000
CUSTOMERS = 500
FIRST_ORDER_ID = 9_007_199_254_740_993  # beyond what a float, and so a JSON number in a browser, can tell apart
OPENED = datetime(2026, 1, 1, 8)

SCHEMA = """
    CREATE TABLE customers (
        id int unsigned NOT NULL PRIMARY KEY,
        email varchar(255) NOT NULL,
        name varchar(80)
    );
    CREATE TABLE orders (
        id bigint unsigned NOT NULL PRIMARY KEY,
        customer_id int unsigned NOT NULL REFERENCES customers (id),
        total decimal(12,2) NOT NULL,
        currency varchar(3) NOT NULL,
        paid_at timestamp(6),
        note varchar(200)
    );
"""


def orders() -> Iterator[tuple[int, int, str, str, str | None, str | None]]:
    """Yield the orders: every tenth is not paid, every third has no note."""
    for number in range(ORDERS):
        paid = (OPENED + timedelta(minutes=7 * number)).isoformat(sep=" ") if number % 10 else None
        note = f"Leave it with n° {number % 40} - merci 🙏" if number % 3 else None
        cents = number * 1999 % 10_000_000
        total = f"{cents // 100}.{cents % 100:02d}"
        yield FIRST_ORDER_ID + number, number % CUSTOMERS + 1, total, ("EUR", "CHF")[number % 2], paid, note


def create_shop(file: Path) -> None:
    """Write the shop into a new file."""
    with sqlite3.connect(file) as shop:
        shop.executescript(SCHEMA)
        people = ((number, f"customer{number}@example.com", f"Customer {number}") for number in range(1, CUSTOMERS + 1))
        shop.executemany("INSERT INTO customers VALUES (?, ?, ?)", people)
        shop.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?)", orders())
    shop.close()
