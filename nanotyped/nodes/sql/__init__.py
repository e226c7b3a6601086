"""Tables as sources (``StreamMySQLTable``, ``StreamTable``) and as a sink (``WriteMySQLTable``) of rows."""

from nanotyped.nodes.sql.table import StreamMySQLTable, StreamTable
from nanotyped.nodes.sql.writing import WriteMySQLTable

__all__ = ["StreamMySQLTable", "StreamTable", "WriteMySQLTable"]
