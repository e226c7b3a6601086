"""The real program, called in this process: what it prints, returns and writes, and whom it connects to."""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from nanotyped.cli import main

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

    import pytest

_KEPT_VARIABLES = ("HOME", "LANG", "PATH", "TMPDIR")
_TABLE_LINE = re.compile(r"(Node +Class +Received .*|\w+ +\w+( +[\d,]+){6}  (success|stopped|error) .*)")


@dataclass(frozen=True)
class Case:
    """A configuration, what lies beside it, and what the program says of it.

    In every text ``PORT`` stands for the number of a port that counts who connects to it.

    Attributes:
        name: Of the test.
        text: The configuration, ``p.yaml``.
        problems: The lines on stderr, without the table of a run and the count at the end.
        status: What the program exits with.
        files: More files of the working directory.
        variables: The environment, beside the bare minimum.
        words: The command.
    """

    name: str
    text: str | bytes
    problems: tuple[str, ...]
    status: int = 2
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ("run", "p.yaml")

    def __str__(self) -> str:
        return self.name


class Doorbell:
    """A port on loopback that counts connections and answers none of them. A context manager."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=16)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._listener.close()

    def rings(self) -> int:
        """Return how many connections were made since the last look."""
        found = 0
        while True:
            try:
                connection, _ = self._listener.accept()
            except BlockingIOError:
                return found
            connection.close()
            found += 1


@dataclass(frozen=True)
class Outcome:
    """What became of a call of the program.

    Attributes:
        status: What it returned.
        out: What it printed.
        problems: The lines on stderr without the table of a run.
        made: The files that were not there before, or not so, with what they hold.
        connections: How many were made to the port.
    """

    status: int
    out: str
    problems: tuple[str, ...]
    made: Mapping[str, bytes]
    connections: int


class Workplace:
    """A working directory and an environment of its own, in which the program is called."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys
        self._monkeypatch = monkeypatch
        monkeypatch.chdir(folder)
        for name in os.environ.keys() - set(_KEPT_VARIABLES):
            monkeypatch.delenv(name)

    def call(self, case: Case, bell: Doorbell) -> Outcome:
        """Write the files of a case, run its command, and return what came of it."""
        for name, content in {"p.yaml": case.text, **case.files}.items():
            data = content if isinstance(content, bytes) else content.encode()
            (self.folder / name).write_bytes(data.replace(b"PORT", b"%d" % bell.port))
        for name, value in case.variables.items():
            self._monkeypatch.setenv(name, value.replace("PORT", str(bell.port)))
        before = self._files()
        self._capsys.readouterr()
        status = main(case.words)
        out, err = self._capsys.readouterr()
        made = {name: data for name, data in self._files().items() if before.get(name) != data}
        assert not before.keys() - self._files().keys()
        return Outcome(status, out, _without_table(err, bell.port), made, bell.rings())

    def _files(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.folder)): path.read_bytes() for path in self.folder.rglob("*") if path.is_file()
        }


def counted(problems: tuple[str, ...]) -> tuple[str, ...]:
    """Return the lines that tell problems of a configuration: each of them, and their count."""
    return (*problems, f"{len(problems)} problem{'' if len(problems) == 1 else 's'}")


def _without_table(err: str, port: int) -> tuple[str, ...]:
    """Return the lines on stderr but those that every run prints, which are held to their form."""
    lines = err.replace(str(port), "PORT").splitlines()
    if lines and re.fullmatch(r"p\.yaml: running \d+ nodes", lines[0]):
        lines = [line for line in lines[1:] if not _TABLE_LINE.fullmatch(line)]
    return tuple(lines)
