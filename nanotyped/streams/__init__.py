"""Push streams: ``Stream``, its steps, and the bridges to pipelines and to Dask. Apart from the engine."""

from nanotyped.streams.bridges import StreamSink, StreamSource
from nanotyped.streams.dask_stream import DaskStream
from nanotyped.streams.stream import Collected, Source, Stream

__all__ = ["Collected", "DaskStream", "Source", "Stream", "StreamSink", "StreamSource"]
