"""A directory as a source of the names of new files: ``LocalDirectoryWatchdog``."""

from __future__ import annotations

import logging
import math
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path  # noqa: TC003 - files are read by the annotations of options
from typing import Any, NamedTuple, Never

from nanotyped.errors import SourceError, UnfitSourceError
from nanotyped.message import Checkpoint
from nanotyped.node import NanoNode
from nanotyped.node.running import NO_ROW_VALUES
from nanotyped.registry import register_node
from nanotyped.row import Column, Schema
from nanotyped.row.schema import BARE_VALUE
from nanotyped.types.intermediate import STRING

logger = logging.getLogger("nanotyped.nodes.watching")

SETTLE_S = 0.1
# How often the wait for the system's notices looks whether the node is to end, and how long it gathers them.
_STEP_MS, _GATHER_MS = 100, 100
_FAREWELLS, _FAREWELL_S = 50, 0.01


class _Stamp(NamedTuple):
    """What tells that a file was modified."""

    size: int
    mtime_ns: int


@register_node
class LocalDirectoryWatchdog(NanoNode[Never, Any]):
    """Gives the path of each file of a directory that is new or was modified. A source that waits for more.

    The system tells of most changes at once; every ``check_interval`` the whole directory is looked at, for those that
    it does not tell of. A file counts once its size and time of modification stay the same for ``settle_s``, so that
    one that is still being written is not read by halves; a writer that pauses for longer should write under a name
    elsewhere and rename. Only regular files count, also behind links, and none in directories below. Files that were
    there before the start count once they are modified. Files of one look come in the order of modification.

    With ``--state`` the run that goes on behind one that was stopped also gives the files that came, or were modified,
    in between. With ``keep_alive: false`` there is one look, after ``check_interval``, and the source ends; what is
    still being written is waited for as long again.

    Needs: nothing. Gives: the path, ``directory/name``, as a bare text, or under ``output_key``.

    Args:
        directory: The directory.
        check_interval: Seconds between two looks at the whole directory.
        settle_s: Seconds that a file must stay as it is.

    Raises:
        ValueError: If ``check_interval`` is not above 0, or ``settle_s`` is below 0.
    """

    def __init__(
        self, *, directory: str | Path = ".", check_interval: float = 3, settle_s: float = SETTLE_S, **kwargs: Any
    ) -> None:
        if not 0 < check_interval < math.inf:
            raise ValueError(f"check_interval must be a number of seconds above 0, not {check_interval}")
        if not 0 <= settle_s < math.inf:
            raise ValueError(f"settle_s must be a number of seconds from 0 on, not {settle_s}")
        self.directory = str(directory)
        self.check_interval = check_interval
        self.settle_s = settle_s
        self._known: dict[str, _Stamp] | None = None
        self._unsettled: dict[str, _Stamp] = {}
        super().__init__(**kwargs)

    def own_output(self) -> Schema | None:
        """Return that it is a text."""
        return super().own_output() or Schema([Column(BARE_VALUE, STRING)])

    def discover_schema(self) -> None:
        """Note the files that are there: this comes before whoever started the run goes on.

        Raises:
            SourceError: If the directory is not there, or may not be read.
        """
        self._unsettled = {}
        self._known = self._look()

    def generator(self) -> Iterator[str | Checkpoint | None]:
        """Yield the paths, and behind those of each look what was seen of the directory so far.

        Raises:
            SourceError: If the directory is gone, or cannot be read.
        """
        known = self._look() if self._known is None else dict(self._known)
        if self.resume_from is not None:
            known = {name: _Stamp(*stamp) for name, stamp in self.resume_from["files"].items()}
        else:
            yield _checkpoint(known)  # else a run that ends before the first file would forget what was there
        if not self.keep_alive:
            yield from self._look_once(known)
            return
        yield from self._settled(known)  # of a resumed run: what came since
        for _ in self._wakings():
            yield from self._settled(known)
        while not self.stop_requested:  # the system tells nothing here
            self.sleep(self.check_interval)
            yield from self._settled(known)
        for _ in range(_FAREWELLS):  # a drained source has not come to its end: it does not return before it is told
            yield None
            time.sleep(_FAREWELL_S)

    def _look_once(self, known: dict[str, _Stamp]) -> Iterator[str | Checkpoint | None]:
        self.sleep(self.check_interval)
        waits_s = max(self.check_interval, 2 * self.settle_s)
        while True:
            yield from self._report(known)
            if not self._unsettled or self.stop_requested:
                return
            if waits_s <= 0:
                count = len(self._unsettled)
                logger.warning(
                    "%s: %d files are still being written, and are left out", self.label, count, extra=NO_ROW_VALUES
                )
                return
            self.sleep(self.settle_s)
            waits_s -= max(self.settle_s, 0.001)

    def _wakings(self) -> Iterator[object]:
        """Yield when the system tells of a change, and every ``check_interval``; end when the node is to end."""
        import watchfiles  # noqa: PLC0415 - it brings an event loop with it, which nothing else needs

        try:
            yield from watchfiles.watch(
                self.directory,
                watch_filter=None,
                debounce=_GATHER_MS,
                step=_STEP_MS,
                stop_event=self._stop,
                rust_timeout=max(1, round(self.check_interval * 1000)),
                yield_on_timeout=True,
                recursive=False,
            )
        except (OSError, RuntimeError) as error:  # no more watches to be had; a file system without notices
            logger.warning(
                "%s: the system does not tell of changes (%s); the directory is looked at every %g s",
                self.label,
                type(error).__name__,
                self.check_interval,
                extra=NO_ROW_VALUES,
            )

    def _settled(self, known: dict[str, _Stamp]) -> Iterator[str | Checkpoint | None]:
        """Yield what is new until nothing is still being written."""
        yield from self._report(known)
        while self._unsettled and not self.stop_requested:
            self.sleep(self.settle_s)
            yield from self._report(known)
        yield None  # here a drain may end the source

    def _report(self, known: dict[str, _Stamp]) -> Iterator[str | Checkpoint]:
        """Yield the files that are new or modified and have settled since the last look."""
        if self.stop_requested:
            return
        found = self._look()
        for name in known.keys() - found.keys():
            del known[name]
        new = {name: stamp for name, stamp in found.items() if known.get(name) != stamp}
        settled = [name for name, stamp in new.items() if self._unsettled.get(name) == stamp or not self.settle_s]
        self._unsettled = {name: stamp for name, stamp in new.items() if name not in set(settled)}
        for name in sorted(settled, key=lambda name: (new[name].mtime_ns, name)):
            known[name] = new[name]
            yield os.path.join(self.directory, name)  # noqa: PTH118 - as it is given, with a "./" in front too
        if settled:
            yield _checkpoint(known)

    def _look(self) -> dict[str, _Stamp]:
        """Return the regular files by name."""
        found: dict[str, _Stamp] = {}
        try:
            with os.scandir(self.directory) as entries:
                for entry in entries:
                    stamp = _stamp(entry)
                    if stamp is not None:
                        found[entry.name] = stamp
        except (FileNotFoundError, NotADirectoryError) as error:
            raise UnfitSourceError(f"cannot watch `{self.directory}`: {error.strerror}") from None
        except OSError as error:
            raise SourceError(f"cannot watch `{self.directory}`: {error.strerror or error}") from None
        return found


def _stamp(entry: os.DirEntry[str]) -> _Stamp | None:
    try:
        status = entry.stat()
    except OSError:  # it vanished since, or is a link to nowhere
        return None
    return _Stamp(status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None


def _checkpoint(known: dict[str, _Stamp]) -> Checkpoint:
    return Checkpoint({"files": {name: list(stamp) for name, stamp in known.items()}})
