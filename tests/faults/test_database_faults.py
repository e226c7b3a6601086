"""What may happen to a database under a run: the run ends in bounded time, and the next one loses nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import pytest

from nanotyped.engine.checkpoint import read_state
from nanotyped.testing import Response
from tests.support.mariadb import Database, MariaDBServer
from tests.support.resumed import OrdersPipeline, end_of, fill_orders
from tests.support.tcp_proxy import TcpProxy

if TYPE_CHECKING:
    from pathlib import Path

    from nanotyped.testing import HttpApi, Request

ROWS, WINDOW = 16_000, 4000 + 4000 + 2 * 1000 + 200  # full queues, the batches in two nodes' hands, a page


@pytest.fixture
def pipeline(database: Database, http_api: HttpApi, tmp_path: Path) -> OrdersPipeline:
    """Return the pipeline over a table on the server of the run."""
    fill_orders(database, ROWS)
    return OrdersPipeline(tmp_path, database.url, http_api)


@pytest.fixture
def own_server() -> Iterator[MariaDBServer]:
    """Return a server that a test may kill."""
    with MariaDBServer() as server:
        yield server


class Gate:
    """Makes the API hold the answer to one request until it is opened."""

    def __init__(self, api: HttpApi, at: int) -> None:
        self._opened = threading.Event()
        self._left = at
        api.play(self._answer)

    def _answer(self, request: Request) -> Response:
        self._left -= 1
        return Response(hold=self._opened) if self._left == 0 else Response()

    def open(self) -> None:
        """Let the answer go, and hold none any more."""
        self._opened.set()


def nothing_lost(pipeline: OrdersPipeline, rows: int = ROWS) -> None:
    """Run the pipeline to its end: every order is delivered, and few of them again."""
    ended = pipeline.run()
    assert ended.code == 0, ended.said
    assert sorted(pipeline.delivered) == list(range(1, rows + 1))
    assert pipeline.sent_again <= WINDOW
    assert read_state(pipeline.state).finished


@pytest.mark.fault
def test_server_killed_in_the_middle_and_gone(own_server: MariaDBServer, http_api: HttpApi, tmp_path: Path) -> None:
    """The run ends with a connection that is lost; what was read is delivered, and the next run reads the rest."""
    database = own_server.create_database()
    fill_orders(database, ROWS)
    pipeline = OrdersPipeline(tmp_path, database.url, http_api)
    gate = Gate(http_api, 20)
    process = pipeline.start_and_reach(20)
    own_server.kill()
    gate.open()
    ended = end_of(process)
    assert ended.code == 1
    assert "node `read` failed: SourceError: cannot connect to" in ended.said
    assert ended.seconds < 30
    down = pipeline.run()  # and the server is down at the start of the next one
    assert down.code == 1
    assert "cannot connect to" in down.said
    own_server.start()
    nothing_lost(pipeline)
    assert pipeline.sent_again == 0  # what was in flight was delivered before the end


def kill_connections(database: Database, how: str) -> int:
    """Kill what every other connection to the database does, or the connection itself; return how many there were."""
    found = database.execute(
        "SELECT ID FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND ID <> CONNECTION_ID()"
    )
    for (number,) in found:
        database.execute(f"{how} {number}")
    return len(found)


def test_connection_killed_between_pages(database: Database, pipeline: OrdersPipeline, http_api: HttpApi) -> None:
    """The reader goes on over a new connection; the run does not end, and nothing is sent twice."""
    gate = Gate(http_api, 20)
    process = pipeline.start_and_reach(20)
    kill_connections(database, "KILL")
    gate.open()
    ended = end_of(process)
    assert ended.code == 0, ended.said
    assert sorted(pipeline.delivered) == list(range(1, ROWS + 1))
    assert pipeline.sent_again == 0


@pytest.mark.fault
def test_query_killed(database: Database, pipeline: OrdersPipeline, http_api: HttpApi) -> None:
    """A page that an operator stops is an end of the run that says so; the next run begins at that page."""
    gate = Gate(http_api, 20)
    process = pipeline.start_and_reach(20)
    with database.connect() as other, other.cursor() as cursor:
        cursor.execute("LOCK TABLES orders WRITE")
        gate.open()
        waiting = (
            "SELECT ID FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Waiting for table%' AND DB = DATABASE()"
        )
        while not (found := database.execute(waiting)):
            assert process.poll() is None
        database.execute(f"KILL QUERY {found[0][0]}")
        ended = end_of(process)
    assert ended.code == 1
    assert "Query execution was interrupted" in ended.said
    nothing_lost(pipeline)
    assert pipeline.sent_again == 0


@pytest.mark.parametrize("fault", ["close", "reset"])
def test_connection_that_breaks_within_a_page(
    database: Database, http_api: HttpApi, tmp_path: Path, fault: Literal["close", "reset"]
) -> None:
    """The page is read once more over a new connection, whole, and no row of it twice."""
    fill_orders(database, ROWS)
    with TcpProxy(database.server.host, database.server.port) as proxy:
        url = database.url.replace(f":{database.server.port}/", f":{proxy.port}/")
        pipeline = OrdersPipeline(tmp_path, url, http_api, page=2000)
        gate = Gate(http_api, 1)
        process = pipeline.start_and_reach(1)
        proxy.fail_after(50_000, fault)
        gate.open()
        ended = end_of(process)
    assert ended.code == 0, ended.said
    assert sorted(pipeline.delivered) == list(range(1, ROWS + 1))
    assert pipeline.sent_again == 0


@pytest.mark.fault
def test_connection_that_stalls(database: Database, http_api: HttpApi, tmp_path: Path) -> None:
    """Beyond the read timeout the run ends: a server that is too slow would be so again. The next run goes on."""
    fill_orders(database, ROWS)
    with TcpProxy(database.server.host, database.server.port) as proxy:
        url = database.url.replace(f":{database.server.port}/", f":{proxy.port}/")
        pipeline = OrdersPipeline(tmp_path, url, http_api, page=2000, late=0.5)
        gate = Gate(http_api, 1)
        process = pipeline.start_and_reach(1)
        proxy.fail_after(50_000, "stall")
        gate.open()
        ended = end_of(process)
        assert ended.code == 1
        assert "(timed out) (2013); read_timeout_s is 0.5" in ended.said
        assert ended.seconds < 10
        nothing_lost(pipeline)
    assert pipeline.sent_again == 0


@pytest.mark.fault
def test_credentials_revoked_in_the_middle(own_server: MariaDBServer, http_api: HttpApi, tmp_path: Path) -> None:
    """No new connection is to be had, and the run says as who; with the right back, the next one goes on."""
    database = own_server.create_database()
    fill_orders(database, ROWS)
    own_server_sql = f"'joe'@'{own_server.host}'"
    database.execute(f"CREATE USER {own_server_sql} IDENTIFIED BY 'first'", f"GRANT SELECT ON *.* TO {own_server_sql}")
    url = f"mysql://joe:first@{own_server.host}:{own_server.port}/{database.name}"
    pipeline = OrdersPipeline(tmp_path, url, http_api)
    gate = Gate(http_api, 20)
    process = pipeline.start_and_reach(20)
    database.execute(f"ALTER USER {own_server_sql} IDENTIFIED BY 'second'")
    kill_connections(database, "KILL")
    gate.open()
    ended = end_of(process)
    assert ended.code == 1
    assert "Access denied for user 'joe'" in ended.said
    assert "first" not in ended.said
    # Another password is no other pipeline.
    nothing_lost(OrdersPipeline(tmp_path, url.replace("first", "second"), http_api))
    assert pipeline.sent_again == 0


@pytest.mark.fault
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("MODIFY note varchar(70) NOT NULL", "was altered while it was read"),
        ("MODIFY id bigint unsigned NOT NULL", "was altered while it was read"),
        ("DROP COLUMN odd", "Unknown column 'odd'"),
    ],
)
def test_table_altered_in_the_middle(
    database: Database, pipeline: OrdersPipeline, http_api: HttpApi, change: str, said: str
) -> None:
    """The run ends and says so; with the table as it was, the next run delivers the rest."""
    gate = Gate(http_api, 20)
    process = pipeline.start_and_reach(20)
    database.execute(f"ALTER TABLE orders {change}")
    gate.open()
    ended = end_of(process)
    assert ended.code == 1
    assert said in ended.said
    database.execute("DROP TABLE orders")
    fill_orders(database, ROWS)
    nothing_lost(pipeline)


@pytest.mark.fault
def test_row_at_the_checkpoint_deleted(database: Database, pipeline: OrdersPipeline, http_api: HttpApi) -> None:
    """The checkpoint is a key, not a row: what follows it is read."""
    process = pipeline.start_and_reach(150)
    while not pipeline.cursors():
        assert process.poll() is None
    process.kill()
    end_of(process)
    key = pipeline.cursors()["`read`"]["after"][0]
    assert key in pipeline.delivered
    database.execute(f"DELETE FROM orders WHERE id = {key}")
    nothing_lost(pipeline)


@pytest.mark.fault
def test_fully_filtered_table(database: Database, http_api: HttpApi, tmp_path: Path) -> None:
    """A run that passes nothing on comes to its end all the same, and its checkpoints move."""
    fill_orders(database, ROWS)
    database.execute("UPDATE orders SET odd = 0")
    pipeline = OrdersPipeline(tmp_path, database.url, http_api, wanted="odd")
    process = pipeline.start()
    assert end_of(process).code == 0
    assert read_state(pipeline.state).finished
    assert not http_api.requests


# -- of a table that is followed by a cursor column -----------------------------------------------


FOLLOWED = "id int unsigned PRIMARY KEY, at datetime NOT NULL, KEY (at)"


def fill_followed(database: Database, first: int = 1, last: int = ROWS) -> None:
    """Add orders to a table, three hundred to a second, so that pages end within one."""
    database.execute(
        f"CREATE TABLE IF NOT EXISTS orders ({FOLLOWED})",
        f"INSERT INTO orders SELECT seq, '2024-01-01' + INTERVAL (seq DIV 300) SECOND FROM seq_{first}_to_{last}",
    )


def test_connection_killed_within_a_page_of_a_followed_table(
    database: Database, http_api: HttpApi, tmp_path: Path
) -> None:
    """The run goes on over new connections and reads all; the next one reads what came, and the last second again."""
    fill_followed(database)
    with TcpProxy(database.server.host, database.server.port) as proxy:
        url = database.url.replace(f":{database.server.port}/", f":{proxy.port}/")
        pipeline = OrdersPipeline(tmp_path, url, http_api, source=", cursor_column: at, lag: 1 s")
        gate = Gate(http_api, 5)
        process = pipeline.start_and_reach(5)
        kill_connections(database, "KILL")
        proxy.fail_after(20_000, "reset")
        gate.open()
        ended = end_of(process)
        assert ended.code == 0, ended.said
        assert sorted(pipeline.delivered) == list(range(1, ROWS + 1))
        assert pipeline.sent_again == 0
        fill_followed(database, ROWS + 1, ROWS + 500)
        ended = pipeline.run()
    assert ended.code == 0, ended.said
    assert sorted(pipeline.delivered) == list(range(1, ROWS + 501))
    assert pipeline.sent_again == ROWS - (ROWS // 300 - 1) * 300 + 1


@pytest.mark.fault
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("MODIFY at date NOT NULL", "was altered while it was read"),
        ("MODIFY at datetime NULL", "was altered while it was read"),
        ("DROP COLUMN at", "Unknown column 'at'"),
        ("MODIFY id bigint unsigned NOT NULL", "was altered while it was read"),
    ],
)
def test_followed_table_altered_in_the_middle(
    database: Database, http_api: HttpApi, tmp_path: Path, change: str, said: str
) -> None:
    """Also of a cursor column that is not among those that are given; as it was, the table is read on."""
    fill_followed(database)
    more = ", cursor_column: at, lag: 1 min, columns: [id]"
    pipeline = OrdersPipeline(tmp_path, database.url, http_api, source=more)
    gate = Gate(http_api, 20)
    process = pipeline.start_and_reach(20)
    database.execute(f"ALTER TABLE orders {change}")
    gate.open()
    ended = end_of(process)
    assert ended.code == 1
    assert said in ended.said
    database.execute("DROP TABLE orders")
    fill_followed(database)
    ended = pipeline.run()
    assert ended.code == 0, ended.said
    assert sorted(pipeline.delivered) == list(range(1, ROWS + 1))


@pytest.mark.fault
def test_state_of_a_followed_table_that_finds_no_end(database: Database, http_api: HttpApi, tmp_path: Path) -> None:
    """Restored from an older copy, the table is told to end before the cursor; nothing is read in silence."""
    fill_followed(database)
    pipeline = OrdersPipeline(tmp_path, database.url, http_api, source=", cursor_column: at, lag: 5 s")
    assert pipeline.run().code == 0
    database.execute("DELETE FROM orders WHERE id > 5000")
    ended = pipeline.run()
    assert ended.code == 0
    assert "is where reading goes on by `at`: rows were deleted, or it is another table by now" in ended.said
    assert pipeline.sent_again == 0
    assert pipeline.run("--reset-state").code == 0
    assert pipeline.sent_again == 5000
