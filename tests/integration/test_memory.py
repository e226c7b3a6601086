"""Memory: flat in the number of rows, however slow the sink is."""

from __future__ import annotations

import subprocess
import sys
import textwrap

# The sink is slower than the source, by work and not by sleep: the queue in front of it is always full.
PROGRAM = textwrap.dedent("""
    import resource, sys
    from nanotyped import NanoNode

    class Source(NanoNode):
        output_schema = {"n": "int", "text": "varchar(40)"}

        def generate_batches(self):
            make = self.own_output().row_class()
            for start in range(0, int(sys.argv[1]), 1000):
                yield [make(n, f"the text of row {n}") for n in range(start, start + 1000)]

    class Slow(NanoNode):
        seen = 0

        def process_item(self, row):
            self.seen += 1
            for _ in range(20):
                pass

    class Pass(NanoNode):
        def process_item(self, row):
            yield row

    sink = Slow()
    Source() > Pass() > sink
    sink.run()
    assert sink.seen == int(sys.argv[1])
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
""")


def peak_kilobytes(rows: int) -> int:
    """Return the peak memory of a process that runs so many rows into a slow sink."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(rows)], capture_output=True, text=True, check=True, timeout=100
    )
    return int(done.stdout)


def test_a_slow_sink_holds_memory_flat() -> None:
    """From ten thousand rows to a million a run with a slow sink grows by less than 20 MB."""
    assert peak_kilobytes(1_000_000) - peak_kilobytes(10_000) < 20_000
