"""``stubgen``: what type checkers need to check files, written into a directory, or held to what is there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nanotyped.cli.loading import load_modules
from nanotyped.cli.output import CommandFailedError, printable, stderr_console
from nanotyped.config import static_files

if TYPE_CHECKING:
    from nanotyped.cli.arguments import Arguments


def stubgen(arguments: Arguments) -> int:
    """Write the stubs and check modules of files and print their paths; 0, with ``--check`` 1 if one is stale."""
    load_modules(arguments)
    directory = Path(arguments.output or ".")
    try:
        texts = {directory / name: text for name, text in static_files(arguments.words).items()}
    except FileExistsError as error:
        raise CommandFailedError(str(error), 2) from error
    return _check(texts) if arguments.check else _write(directory, texts)


def _write(directory: Path, texts: dict[Path, str]) -> int:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            path.write_text(text, encoding="utf-8")
            print(printable(str(path)))
    except OSError as error:
        raise CommandFailedError(f"cannot write {directory}: {error.strerror}", 1) from error
    return 0


def _check(texts: dict[Path, str]) -> int:
    stale = []
    for path, text in texts.items():
        try:
            found = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            stale.append(f"{path}: is missing")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandFailedError(f"cannot read {path}: {error}", 1) from error
        else:
            stale += [f"{path}: is stale"] if found != text else []
    for line in stale:
        print(printable(f"{line}; write it again with `nanotyped stubgen`"))
    if stale:
        stderr_console().print(f"{len(stale)} of {len(texts)} stale")
    return 1 if stale else 0
