"""Tables as sources: ``StreamMySQLTable``, ``StreamTable`` and the readers behind them."""

from nanotyped.nodes.sql.table import StreamMySQLTable, StreamTable

__all__ = ["StreamMySQLTable", "StreamTable"]
