"""Where a secret could come out: every command, every message, in every spelling."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from nanotyped.testing import HttpApi, Request, Response
from tests.support.fake_mysql import FakeMySQL
from tests.support.program import Case, Doorbell, Workplace

if TYPE_CHECKING:
    from pathlib import Path

PASSWORD, ENCODED = "p@ss/w:rd+ö", "p%40ss%2Fw%3Ard%2B%C3%B6"
KEY = "k3y-of-the-till"
SPELLINGS = (PASSWORD, ENCODED, "p@ss", "w:rd", "p%40ss", KEY)
TEXT = """\
nodes:
  read: {class: StreamMySQLTable, options: {url: "${DB}", table: t}}
  post: {class: HttpPostRequest, options: {url: "${API}/bills?key=${KEY}", headers: {X-Key: "${KEY}"}, max_attempts: 1}}
paths: [[read, post]]
"""


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Workplace:
    """An empty working directory, with next to no environment."""
    return Workplace(tmp_path, monkeypatch, capsys)


def shown(workplace: Workplace, text: str, *words: str, api: str = "http://127.0.0.1:9", port: int = 9) -> str:
    """Return all that a command prints."""
    variables = {"DB": f"mysql://u:{ENCODED}@127.0.0.1:{port}/shop", "KEY": KEY, "API": api}
    with Doorbell() as bell:
        outcome = workplace.call(
            Case("secret", text, (), 0, {"in.csv": "n\r\n1\r\n"}, variables, (*words, "p.yaml")), bell
        )
    return outcome.out + "\n".join(outcome.problems)


def spilt(text: str) -> list[str]:
    """Return the spellings of secrets in a text."""
    return [spelling for spelling in SPELLINGS if spelling in text]


@pytest.mark.parametrize(
    "words", [("draw",), ("draw", "--format", "mermaid"), ("check",), ("check", "--connect"), ("run", "--traceback")]
)
def test_no_command_shows_a_secret(workplace: Workplace, words: tuple[str, ...]) -> None:
    """Neither a drawing nor a check nor a connection that is refused."""
    assert spilt(shown(workplace, TEXT, *words)) == []


@pytest.mark.parametrize("words", [("run",), ("run", "--traceback"), ("check", "--connect")])
@pytest.mark.parametrize("spelling", [PASSWORD, ENCODED, repr(PASSWORD), PASSWORD.replace("/", "\\/")])
def test_a_server_that_repeats_the_password_is_not_repeated(
    workplace: Workplace, words: tuple[str, ...], spelling: str
) -> None:
    """What a server says is printed without the password, however it spells it."""
    error = b"\xff" + struct.pack("<H", 1045) + b"#28000" + f"no such password: {spelling}!".encode()
    with FakeMySQL(login=error) as fake:
        text = shown(workplace, TEXT, *words, port=fake.port)
    assert "no such password: " in text
    assert spilt(text) == []


@pytest.mark.parametrize("words", [("run",), ("run", "--traceback")])
def test_a_service_that_repeats_the_key_is_not_repeated(workplace: Workplace, words: tuple[str, ...]) -> None:
    """What a service answers, and the URL that it was asked at, are printed without the key."""

    def echo(request: Request) -> Response:
        return Response(400, body=f"{request.target} {request.headers['X-Key']}".encode())

    text = TEXT.replace(
        'StreamMySQLTable, options: {url: "${DB}", table: t}',
        "ReadRows, output_schema: {n: int}, options: {path: in.csv}",
    )
    with HttpApi(echo) as api:
        found = shown(workplace, text, *words, api=api.url)
        assert api.requests[0].headers["X-Key"] == KEY
    assert "400 Bad Request: '/bills?key=***** *****'" in found
    assert spilt(found) == []


def test_a_secret_that_is_refused_is_not_shown(workplace: Workplace) -> None:
    """A URL that cannot be used is not repeated, nor any part of it."""
    for wrong in (
        'url: "${DB}/x:y@z"',
        'url: "x${DB}"',
        'url: "${DB}?ssl_ca=${KEY}"',
        'port: "${DB}", host: h, database: d',
    ):
        found = shown(workplace, TEXT.replace('url: "${DB}"', wrong), "check")
        assert "1 problem" in found
        assert spilt(found) == []
