"""Readings are pushed into a stream, which feeds a pipeline of typed rows; its sink feeds a second stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from nanotyped import NanoNode, Row, Stream, StreamSource, mysql_type

Celsius = Annotated[float, mysql_type("double")]


class Reading(Row):
    sensor: Annotated[str, mysql_type("varchar(8)")]
    celsius: Celsius


class Fahrenheit(Row):
    fahrenheit: Annotated[float, mysql_type("double")]


class Convert(NanoNode[Reading, Fahrenheit]):
    def process_item(self, row: Reading) -> Iterator[Fahrenheit]:
        yield Fahrenheit(fahrenheit=row.celsius * 9 / 5 + 32)


def main() -> None:
    readings = Stream[Reading]("readings")
    # Whoever emits waits until the pipeline has the reading. Of each sensor the first one counts.
    source = StreamSource(readings.unique(key=lambda reading: reading.sensor), output_schema=Reading, name="readings")
    convert = Convert(name="convert")
    source > convert
    # A row counts as delivered once the sinks of this stream have it.
    warm = Stream.from_node(convert).filter(lambda row: row.fahrenheit > 80)
    warm.map(lambda row: f"{row.fahrenheit:.1f} °F").sink(print)

    source.global_start()
    for sensor, celsius in [("a", 20.0), ("b", 30.0), ("a", 99.0), ("c", 40.5)]:
        readings.emit(Reading(sensor=sensor, celsius=celsius))
    readings.destroy()  # the end of the data
    report = source.wait_for_pipeline_finish()
    print(report["convert"].received, "readings converted")


if __name__ == "__main__":
    main()
