"""The names of the oldest interface: nodes that return one result, and graphs that nodes are added to."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path  # noqa: TC003 - files are read by the annotations of options
from typing import Any, cast

from nanotyped.errors import RowError, shown
from nanotyped.node import NanoNode, PassedRow, PassThrough
from nanotyped.nodes.file_writing import write_whole_file
from nanotyped.nodes.flow import PrinterOfThings
from nanotyped.nodes.local_files import FILES_HERE, opened, path_of_message
from nanotyped.nodes.watching import LocalDirectoryWatchdog
from nanotyped.registry import register_node
from nanotyped.row import Column, Schema
from nanotyped.row.schema import BARE_VALUE
from nanotyped.types.intermediate import STRING

LISTENING_INTERVAL_S = 0.5


class NanoStreamProcessor(NanoNode[Any, Any]):
    """A node whose ``process_item(self, message)`` returns one result, for pipelines of the oldest interface.

    ``None`` is nothing, and a list is one message. What comes is not sent along, unless ``retain_input`` is set.

    Needs: nothing. Gives: what it returns.
    """

    retain_input = False

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # On the instance, so that `super().process_item(message)` still returns the result of the class above.
        self.__dict__["process_item"] = _yielding(cast("Callable[[Any], Any]", self.process_item))


def _yielding(process: Callable[[Any], Any]) -> Callable[[Any], Iterator[Any]]:
    def process_item(message: Any) -> Iterator[Any]:
        yield process(message)

    return process_item


class NanoStreamGraph:
    """Nodes that are added one by one and started together, for programs of the oldest interface."""

    def __init__(self) -> None:
        self._nodes: dict[NanoNode[Any, Any], None] = {}

    def add_node(self, node: NanoNode[Any, Any]) -> None:
        """Add a node; again: nothing.

        Raises:
            TypeError: If it is none.
        """
        if not isinstance(node, NanoNode):
            raise TypeError(f"only nodes can be added, not {type(node).__name__} ({node!r})")
        self._nodes[node] = None

    def add_edge(self, source: NanoNode[Any, Any], target: NanoNode[Any, Any]) -> None:
        """Link two nodes as ``source > target`` does, and add both.

        Raises:
            TypeError: If one of them is no node, or both are the same.
        """
        for node in (source, target):
            self.add_node(node)
        source.add_edge(target)

    def start(self) -> None:
        """Check all nodes, then start them; does not wait.

        Nodes that are not linked to each other are pipelines of their own.

        Raises:
            GraphTypeError: If one of the pipelines cannot run; none goes on running then.
            PipelineStateError: If one runs already.
        """
        waiting = dict(self._nodes)
        started: list[NanoNode[Any, Any]] = []
        while waiting:
            node = next(iter(waiting))
            try:
                node.global_start()
            except BaseException:
                for other in started:
                    other.terminate_pipeline()
                raise
            started.append(node)
            for connected in node.all_connected():
                waiting.pop(connected, None)


@register_node
class PrintStreamProcessor(PrinterOfThings[PassedRow]):
    """Writes every message to the standard output, with nothing before it, and passes it on unchanged.

    Needs: nothing. Gives: what it gets.
    """

    def __init__(self, *, prepend: str = "", **kwargs: Any) -> None:
        super().__init__(prepend=prepend, **kwargs)


@register_node
class FileReader(NanoNode[object, Any]):
    """Reads the files whose paths come, each as one text.

    UTF-8, line ends as they are. A file that is not there is an error of its row. What comes is not sent along.

    Needs: a path. Gives: the text.
    """

    retain_input = False

    def own_output(self) -> Schema | None:
        """Return that it is a text."""
        return super().own_output() or Schema([Column(BARE_VALUE, STRING)])

    def spread_problem(self) -> str:
        """Return that another machine has other files."""
        return super().spread_problem() and FILES_HERE

    def process_item(self) -> Iterator[str]:
        """Yield the text."""
        path = path_of_message(self.__message__)
        with opened(path) as file:
            try:
                yield file.read()
            except UnicodeDecodeError as error:
                raise RowError(f"{path} is no UTF-8 text: {error.reason} at byte {error.start}") from None


@register_node
class FileWriter(PassThrough[PassedRow, PassedRow]):
    """Writes each message to a new file of a name of its own, and passes it on unchanged.

    A file is there whole or not at all, also after a crash; texts are written in UTF-8, line ends as they are. A
    message that is neither text nor bytes is an error of its row.

    Needs: a text or bytes, bare or by ``key``. Gives: what it gets.

    Args:
        path: The directory; it must be there.
    """

    def __init__(self, *, path: str | Path = ".", **kwargs: Any) -> None:
        self.path = str(path)
        super().__init__(**kwargs)

    def spread_problem(self) -> str:
        """Return that the directory is one of this machine."""
        return super().spread_problem() and "it writes files on this machine"

    def process_item(self) -> Iterator[Any]:
        """Write the message and yield it."""
        message = self.__message__
        if not isinstance(message, str | bytes):
            raise RowError(f"text or bytes are wanted, got {shown(message)}; key says where in the message they are")
        try:
            data = message.encode() if isinstance(message, str) else message
        except UnicodeEncodeError as error:
            raise RowError(f"{shown(message)} cannot be written: {error.reason}") from None
        write_whole_file(os.path.join(self.path, secrets.token_hex(16)), data)  # noqa: PTH118 - as it is given
        yield message


@register_node
class WatchdogDirectoryListener(LocalDirectoryWatchdog):
    """Gives the path of each file of a directory that is new or was modified, soon after it is.

    ``DirectoryListener`` is the same class.

    Needs: nothing. Gives: the path, as ``LocalDirectoryWatchdog`` does.

    Args:
        watchdog_path: The directory.
        check_interval: Seconds between two looks at the whole directory.
    """

    def __init__(
        self, *, watchdog_path: str | Path = ".", check_interval: float = LISTENING_INTERVAL_S, **kwargs: Any
    ) -> None:
        self.watchdog_path = str(watchdog_path)
        kwargs.setdefault("directory", watchdog_path)
        super().__init__(check_interval=check_interval, **kwargs)


DirectoryListener = register_node("DirectoryListener")(WatchdogDirectoryListener)
