from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.support.program import Case, Doorbell, Workplace, counted

if TYPE_CHECKING:
    from tests.support.mariadb import Database

SECRET = "open-sesame"


def table(options: str, cls: str = "StreamMySQLTable") -> str:
    """Return a pipeline from a table to an API."""
    return f"""\
nodes:
  read: {{class: {cls}, options: {{{options}}}}}
  post: {{class: HttpPostRequest, options: {{url: "http://127.0.0.1:PORT/bills"}}}}
paths: [[read, post]]
"""


def api(options: str) -> str:
    """Return a pipeline from a table to an API with other options."""
    return f"""\
nodes:
  read: {{class: StreamMySQLTable, options: {{host: 127.0.0.1, port: PORT, user: u, database: d, table: t}}}}
  post: {{class: HttpPostRequest, options: {{{options}}}}}
paths: [[read, post]]
"""


def with_url(name: str, url: str, problem: str, cls: str = "StreamMySQLTable") -> Case:
    """Return a case of a URL, out of the environment, that no table can be read from."""
    return Case(name, table('url: "${DB}", table: t', cls), (problem,), variables={"DB": url})


CASES = [
    Case(
        "secret that is not set",
        table('host: 127.0.0.1, port: PORT, user: u, password: "${PW}", database: d, table: t'),
        ("p.yaml:2:95: the environment variable `PW` is not set",),
    ),
    Case(
        "secret that is nearly set",
        table('url: "${DB_URI}", table: t'),
        ("p.yaml:2:51: the environment variable `DB_URI` is not set; did you mean `DB_URL`?",),
        variables={"DB_URL": f"mysql://u:{SECRET}@127.0.0.1:PORT/d"},
    ),
    with_url(
        "another database",
        f"postgresql://u:{SECRET}@127.0.0.1:PORT/d",
        (
            "p.yaml:2:50: StreamMySQLTable refuses its options: url must begin with mysql:// or "
            "mariadb://, not postgresql://"
        ),
    ),
    with_url(
        "another database for any table",
        f"oracle://u:{SECRET}@127.0.0.1:PORT/d",
        (
            "p.yaml:2:3: StreamTable refuses its options: no type system reads the column types of "
            "`oracle`; these are known: mariadb, mysql, sqlite"
        ),
        "StreamTable",
    ),
    with_url(
        "web address",
        "http://127.0.0.1:PORT/d",
        "p.yaml:2:50: StreamMySQLTable refuses its options: url must begin with mysql:// or mariadb://, not http://",
    ),
    with_url(
        "file",
        "file:///etc/passwd",
        "p.yaml:2:50: StreamMySQLTable refuses its options: url must begin with mysql:// or mariadb://, not file://",
    ),
    with_url(
        "sqlite for a server",
        "sqlite:///shop.db",
        "p.yaml:2:50: StreamMySQLTable refuses its options: url must begin with mysql:// or mariadb://, not sqlite://",
    ),
    with_url(
        "no URL",
        f"u:{SECRET}",
        (
            "p.yaml:2:50: StreamMySQLTable refuses its options: url is not spelled "
            "dialect://user:password@host:port/database"
        ),
    ),
    with_url(
        "at sign in the password",
        f"mysql://u:{SECRET}@x@127.0.0.1:PORT/d",
        (
            "p.yaml:2:50: StreamMySQLTable refuses its options: url: in user and password, `@` is written "
            "%40, `/` %2F and `:` %3A"
        ),
    ),
    with_url(
        "local_infile",
        f"mysql://u:{SECRET}@127.0.0.1:PORT/d?local_infile=1",
        (
            "p.yaml:2:50: StreamMySQLTable refuses its options: the url says `local_infile`, which is not "
            "known here; TLS is set by `tls` and `tls_ca`"
        ),
    ),
    with_url(
        "certificates unchecked",
        f"mysql://u:{SECRET}@127.0.0.1:PORT/d?ssl_verify_cert=false&ssl_ca=",
        (
            "p.yaml:2:50: StreamMySQLTable refuses its options: the url says `ssl_verify_cert`, which is "
            "not known here; TLS is set by `tls` and `tls_ca`"
        ),
    ),
    with_url(
        "command for the session",
        f"mysql://u:{SECRET}@127.0.0.1:PORT/d?init_command=DROP+TABLE+t",
        (
            "p.yaml:2:50: StreamMySQLTable refuses its options: the url says `init_command`, which is not "
            "known here; TLS is set by `tls` and `tls_ca`"
        ),
    ),
    with_url(
        "option file",
        f"mysql://u:{SECRET}@127.0.0.1:PORT/d?read_default_file=/etc/my.cnf",
        (
            "p.yaml:2:45: StreamTable refuses its options: the url says `read_default_file`, which is not "
            "known here; TLS is set by `tls` and `tls_ca`"
        ),
        "StreamTable",
    ),
    with_url(
        "no database",
        f"mysql://u:{SECRET}@127.0.0.1:PORT",
        "p.yaml:2:3: StreamMySQLTable refuses its options: database must be named",
    ),
    with_url(
        "port that is none",
        f"mysql://u:{SECRET}@127.0.0.1:99999/d",
        "p.yaml:2:3: StreamMySQLTable refuses its options: port must be from 1 to 65535, not 99999",
    ),
    Case(
        "local_infile as an option",
        table("local_infile: true, host: 127.0.0.1, port: PORT, user: u, database: d, table: t"),
        (
            (
                "p.yaml:2:45: unknown option of StreamMySQLTable `local_infile`; known are `table`, "
                "`host`, `port`, `user`, `password`, `database`, `url`, `columns`, `where`, "
                "`parameters`, `page_rows`, `cursor_column`, `lag`, "
                "`zero_date`, `tinyint1`, `bit`, `schema_contract`, `tls`, `tls_ca`, "
                "`connect_timeout_s`, `read_timeout_s`, `to_row_obj`, and the options of every node"
            ),
        ),
    ),
    Case(
        "half-hearted TLS",
        table("tls: prefer, host: 127.0.0.1, port: PORT, user: u, database: d, table: t"),
        ("p.yaml:2:50: option `tls`: expected `auto`, `verify` or `off`, got the text 'prefer'",),
    ),
    Case(
        "no time to connect",
        table("connect_timeout_s: 0, host: 127.0.0.1, port: PORT, user: u, database: d, table: t"),
        (
            (
                "p.yaml:2:64: StreamMySQLTable refuses its options: connect_timeout_s must be above 0 and "
                "at most a year, not 0.0"
            ),
        ),
    ),
    Case(
        "parameter that is not given",
        table("where: 'n > :n', host: 127.0.0.1, port: PORT, user: u, database: d, table: t"),
        (
            (
                "p.yaml:2:52: StreamMySQLTable refuses its options: `where` asks for the parameter `:n`, "
                "which is not in `parameters`"
            ),
        ),
    ),
    Case(
        "condition that leaves its parentheses",
        table("where: '1) OR (1=1', host: 127.0.0.1, port: PORT, user: u, database: d, table: t"),
        ("p.yaml:2:52: StreamMySQLTable refuses its options: `where` has a parenthesis without its partner",),
    ),
    Case(
        "parenthesis that nobody closes",
        table("where: '(id = 1', host: 127.0.0.1, port: PORT, user: u, database: d, table: t"),
        ("p.yaml:2:52: StreamMySQLTable refuses its options: `where` has a parenthesis without its partner",),
    ),
    Case(
        "parenthesis in a comment",
        table("where: 'id IN (1 /* ) */', host: 127.0.0.1, port: PORT, user: u, database: d, table: t"),
        ("p.yaml:2:52: StreamMySQLTable refuses its options: `where` has a parenthesis without its partner",),
    ),
    Case(
        "file for an API",
        api("url: file:///etc/passwd"),
        ("p.yaml:3:49: HttpPostRequest refuses its options: url: it must start with http:// or https://",),
    ),
    Case(
        "no host",
        api('url: "http:///bills"'),
        ("p.yaml:3:49: HttpPostRequest refuses its options: url: it names no host",),
    ),
    Case(
        "host out of a row",
        api('url: "http://{host}:PORT/bills"'),
        (
            (
                "p.yaml:3:49: HttpPostRequest refuses its options: url: a placeholder may stand in path "
                "and query, not in host or port"
            ),
        ),
    ),
    Case(
        "scheme out of a row",
        api('url: "{scheme}://127.0.0.1:PORT/bills"'),
        (
            (
                "p.yaml:3:49: HttpPostRequest refuses its options: url: a placeholder may stand in path "
                "and query, not in the scheme"
            ),
        ),
    ),
    Case(
        "port out of a row",
        api('url: "http://127.0.0.1:{port}/bills"'),
        (
            (
                "p.yaml:3:49: HttpPostRequest refuses its options: url: a placeholder may stand in path "
                "and query, not in host or port"
            ),
        ),
    ),
    Case(
        "host that hides behind another",
        api('url: "http://api.test@127.0.0.1:PORT/bills"'),
        (
            (
                "p.yaml:3:49: HttpPostRequest refuses its options: url: a user and password do not belong "
                "into it; send them in a header"
            ),
        ),
    ),
    Case(
        "backslash for a slash",
        api("url: 'http://127.0.0.1:PORT\\bills'"),
        (
            (
                "p.yaml:3:49: HttpPostRequest refuses its options: url: its port is no number from 0 to "
                "65535, or its host is malformed"
            ),
        ),
    ),
    Case(
        "fragment",
        api('url: "http://127.0.0.1:PORT/#bills"'),
        ("p.yaml:3:49: HttpPostRequest refuses its options: url: it has a fragment (#…), which no server gets to see",),
    ),
    Case(
        "secret with a line end in a URL",
        api('url: "http://127.0.0.1:PORT/${KEY}"'),
        (
            (
                "p.yaml:3:49: HttpPostRequest refuses its options: url: it holds a blank, a backslash or "
                "a control character; percent-encode it"
            ),
        ),
        variables={"KEY": f"{SECRET}\r\nX: y"},
    ),
    Case(
        "secret with a line end in a header",
        api('url: "http://127.0.0.1:PORT/", headers: {X-Key: "${KEY}"}'),
        (
            (
                "p.yaml:3:93: HttpPostRequest refuses its options: headers: the value of `X-Key` holds a "
                "line end or a NUL, or a blank at an end"
            ),
        ),
        variables={"KEY": f"{SECRET}\r\nX: y"},
    ),
    Case(
        "header with a line end",
        api('url: "http://127.0.0.1:PORT/", headers: {"X\\r\\nY": abcd}'),
        ("p.yaml:3:85: HttpPostRequest refuses its options: headers: 'X\\r\\nY' is no name of a header",),
    ),
    Case(
        "host of another header",
        api('url: "http://127.0.0.1:PORT/", headers: {host: api.test}'),
        (
            "p.yaml:3:92: HttpPostRequest refuses its options: headers: `host` is made by the client and cannot be "
            "given",
        ),
    ),
    Case(
        "length of another header",
        api('url: "http://127.0.0.1:PORT/", headers: {Content-Length: "1"}'),
        (
            (
                "p.yaml:3:102: HttpPostRequest refuses its options: headers: `Content-Length` is made by "
                "the client and cannot be given"
            ),
        ),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_connection_is_refused(case: Case, workplace: Workplace, bell: Doorbell) -> None:
    """What is wrong is told without a secret; nobody is connected to, and the status is 2."""
    outcome = workplace.call(case, bell)
    assert outcome.problems == counted(case.problems)
    assert SECRET not in str(outcome.problems)
    assert (outcome.status, outcome.out, outcome.made, outcome.connections) == (case.status, "", {}, 0)


def test_the_port_counts(workplace: Workplace, bell: Doorbell) -> None:
    """A configuration without a fault connects to the port, so that no connection in the cases means none."""
    text = table("host: 127.0.0.1, port: PORT, user: u, database: d, table: t, connect_timeout_s: 0.2")
    outcome = workplace.call(Case("good", text, ()), bell)
    reason = "no session within 0.2 s, which is connect_timeout_s"
    assert outcome.problems == counted((f"p.yaml:2:3: node `read`: cannot connect to u@127.0.0.1:PORT/d: {reason}",))
    assert (outcome.status, outcome.connections) == (1, 1)


# -- identifiers and conditions, on a live server -----------------------------------------------

INJECTION = "a`; DROP TABLE t; -- "


def live(database: Database, options: str, *problems: str, words: tuple[str, ...] = ("run", "p.yaml")) -> Case:
    """Return a case of options beside the URL of a database."""
    return Case("live", table(f'url: "${{DB}}", {options}'), problems, 1, {}, {"DB": database.url}, words)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (f'table: "{INJECTION}"', f"there is no table `DB`.`{INJECTION}` on PLACE, or `nanotyped` may not see it"),
        (
            f'table: t, columns: ["{INJECTION}"]',
            f"table `DB`.`t` on PLACE cannot be read: it has no column `{INJECTION}`",
        ),
        (
            'table: "t` WHERE 1=1 -- "',
            "there is no table `DB`.`t` WHERE 1=1 -- ` on PLACE, or `nanotyped` may not see it",
        ),
        ('table: "mysql.user"', "there is no table `DB`.`mysql.user` on PLACE, or `nanotyped` may not see it"),
        (
            "table: t, where: payed",
            "`where` does not work for table `DB`.`t` on PLACE: Unknown column 'payed' in 'WHERE' (1054)",
        ),
        (
            'table: t, where: "id = :id", parameters: {id: "1; DROP TABLE t"}',
            "",
        ),
    ],
)
@pytest.mark.parametrize("words", [("check", "--connect", "p.yaml"), ("run", "p.yaml")])
def test_names_are_names_and_conditions_are_tried(
    database: Database, workplace: Workplace, bell: Doorbell, *, options: str, problem: str, words: tuple[str, ...]
) -> None:
    """A name out of a file is looked up, and quoted; a condition that does not work is told before a row is read."""
    database.execute("CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t VALUES (7)")
    outcome = workplace.call(live(database, options, words=words), bell)
    place = f"{database.server.host}:{database.server.port}"
    told = problem.replace("DB", database.name).replace("PLACE", place)
    if problem:
        found = tuple(line.replace("'where clause'", "'WHERE'") for line in outcome.problems)  # as older servers say
        assert found == counted((f"p.yaml:2:3: node `read`: {told}",))
    assert (outcome.status, outcome.made, outcome.connections) == (2 if problem else 0, {}, 0)
    assert database.execute("SELECT id FROM t") == [(7,)]


@pytest.mark.parametrize("condition", ["id = 1; DROP TABLE t; -- ", "1=1 UNION SELECT 1", "id = ", "id = 1;"])
def test_a_condition_is_one_condition(database: Database, workplace: Workplace, bell: Doorbell, condition: str) -> None:
    """A condition that leaves its place in the statement is refused by the server, which runs one at a time."""
    database.execute("CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t VALUES (7)")
    case = live(database, f'table: t, where: "{condition}"', words=("check", "--connect", "p.yaml"))
    outcome = workplace.call(case, bell)
    start = f"p.yaml:2:3: node `read`: `where` does not work for table `{database.name}`.`t` on "
    assert len(outcome.problems) == 2
    assert outcome.problems[0].startswith(start)
    assert "You have an error in your SQL syntax" in outcome.problems[0]
    assert (outcome.status, outcome.made) == (2, {})
    assert database.execute("SELECT id FROM t") == [(7,)]


def test_a_condition_of_sqlite_is_tried_too(workplace: Workplace, bell: Doorbell) -> None:
    """As for a server; a name that is none of the table's is told, and the file stays as it was."""
    path = workplace.folder / "shop.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (id int PRIMARY KEY NOT NULL)")
        connection.commit()
    text = table('url: "sqlite:///shop.db", table: t, where: payed', "StreamTable")
    outcome = workplace.call(Case("sqlite", text, (), words=("check", "--connect", "p.yaml")), bell)
    reason = "`where` does not work for table `t` of shop.db: no such column: payed"
    assert outcome.problems == counted((f"p.yaml:2:3: node `read`: {reason}",))
    assert (outcome.status, outcome.made) == (2, {})
