"""Tables of a real MariaDB, read by several processes: the same rows as in one, however the keys are spread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from nanotyped import Filter, StreamMySQLTable, WriteMySQLTable
from nanotyped.cluster import start_cluster_run
from nanotyped.testing import KeptRows

if TYPE_CHECKING:
    from tests.support.cluster import DaskCluster
    from tests.support.mariadb import Database

# As large as the largest table of Sakila.
RENTALS = 16_044
WAIT_S = 60.0


def fill(database: Database, columns: str, values: str, where: str = "TRUE") -> None:
    """Make a table, of rows of the numbers from 1 on."""
    database.execute(f"CREATE TABLE rentals ({columns})")
    database.execute(f"INSERT INTO rentals SELECT {values} FROM seq_1_to_{RENTALS} WHERE {where}")
    database.execute("ANALYZE TABLE rentals")


@pytest.mark.parametrize(
    ("columns", "values", "by"),
    [
        ("id int unsigned PRIMARY KEY, due datetime NULL", "seq, NULLIF('2026-01-01' + INTERVAL seq HOUR, 0)", "`id`"),
        # Nine tenths of the rows in a hundredth of the keys.
        (
            "id bigint PRIMARY KEY, due datetime NULL",
            f"IF(seq <= {RENTALS} * 0.9, seq, seq * 1000), NULL",
            "`id`",
        ),
        # Nine tenths of the rows are of one shop.
        (
            "shop int NOT NULL, code varchar(20) NOT NULL, due datetime NULL, PRIMARY KEY (shop, code)",
            f"IF(seq <= {RENTALS} * 0.9, 1, seq % 7), CONCAT('r', seq), '2026-01-01'",
            "(`shop`, `code`)",
        ),
    ],
    ids=["even", "skewed", "composite"],
)
def test_both_engines_give_the_rows_of_a_table(
    dask_cluster: DaskCluster, database: Database, columns: str, values: str, by: str
) -> None:
    """In the order of its key, no row twice and none left out; and no part is much larger than the others."""
    fill(database, columns, values)
    found = []
    for engine in ("threads", "dask"):
        source, kept = StreamMySQLTable(name="rentals", table="rentals", url=database.url), KeptRows(name="kept")
        source.add_edge(kept)
        if engine == "threads":
            source.run()
        else:
            run = start_cluster_run(source, scheduler=dask_cluster.address)
            run.wait(WAIT_S)
            [segment] = run.plan.segments
            assert segment.split.by == f"ranges of {by}"
            assert len(segment.split.parts) >= 8
            assert max(part.rows or 0 for part in segment.split.parts) < RENTALS / 4
        found.append([tuple(row.to_python().values()) for row in kept.rows])
    assert found[0] == found[1]
    assert len(found[0]) == RENTALS


def test_rows_are_written_by_all_workers(dask_cluster: DaskCluster, database: Database) -> None:
    """From one table into another, by two processes, a filter between: each row once."""
    fill(database, "id int unsigned PRIMARY KEY, due datetime NULL", "seq, IF(seq % 3, '2026-01-01', NULL)")
    database.execute("CREATE TABLE due (id int unsigned PRIMARY KEY, due datetime NULL)")
    source = StreamMySQLTable(name="rentals", table="rentals", url=database.url)
    keep = Filter[Any](name="keep", test="value_is_not_none", key="due")
    source.add_edge(keep)
    keep.add_edge(WriteMySQLTable(name="write", table="due", url=database.url))
    run = start_cluster_run(source, scheduler=dask_cluster.address)
    report = run.wait(WAIT_S)
    assert run.plan.at_coordinator == ()
    assert database.execute("SELECT count(*), sum(id) FROM due") == database.execute(
        "SELECT count(*), sum(id) FROM rentals WHERE due IS NOT NULL"
    )
    told = [(report[name].received, report[name].filtered) for name in ("keep", "write")]
    assert told == [(RENTALS, RENTALS // 3), (RENTALS - RENTALS // 3, 0)]


def test_a_table_without_a_key_is_one_part(dask_cluster: DaskCluster, database: Database) -> None:
    """It is read by one worker, in one pass, and that is said."""
    fill(database, "id int unsigned, due datetime NULL", "seq, NULL", "seq <= 3000")
    source, kept = StreamMySQLTable(name="rentals", table="rentals", url=database.url), KeptRows(name="kept")
    source.add_edge(kept)
    run = start_cluster_run(source, scheduler=dask_cluster.address)
    run.wait(WAIT_S)
    assert len(run.plan.segments[0].split.parts) == 1
    [notice] = run.plan.notices
    assert notice.startswith("`rentals`: table ")
    assert "no unique key of ordered, non-null columns" in notice
    assert sorted(row["id"].value for row in kept.rows) == list(range(1, 3001))
