"""An emitter, a node of one's own that tests how long texts are, and a printer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nanotyped import NanoNode, PrinterOfThings, SequenceEmitter
from nanotyped.types import INTEGER


class LengthTester(NanoNode[object, Any]):
    """Passes texts that are no longer than ``limit``, with their length; ``key`` says where they are."""

    output_schema = {"length": INTEGER}

    def __init__(self, *, limit: int = 4, **kwargs: Any) -> None:
        self.limit = limit
        super().__init__(**kwargs)

    def process_item(self) -> Iterator[dict[str, int]]:
        length = len(self.__message__)
        if length <= self.limit:
            yield {"length": length}


def main() -> None:
    words = [{"word": "rye"}, {"word": "barley"}, {"word": "oats"}]
    emitter = SequenceEmitter(words, max_sequences=2, name="emitter")
    tester = LengthTester(key="word", name="tester")
    printer = PrinterOfThings(prepend="short enough: ", name="printer")
    emitter > tester > printer
    report = emitter.run()
    print(f"{report['tester'].received} words, {report['printer'].received} of them short enough")


if __name__ == "__main__":
    main()
