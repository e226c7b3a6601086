"""A topic of Kafka as a sink: ``KafkaProducer``. The client is an extra, and wanted only where a node is made."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from nanotyped.errors import (
    DeliveryError,
    GraphProblem,
    MissingExtraError,
    NodeOptionError,
    RowError,
    WrongOptionsError,
    shown,
)
from nanotyped.node import FarEnd, PassedRow, PassThrough
from nanotyped.node.parts import kept_in_order
from nanotyped.registry import register_node
from nanotyped.row import RowEncoder, Schema
from nanotyped.row.compiled import Projection, compile_projection
from nanotyped.row.rows import row_info

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Producer

    from nanotyped.message import Batch
    from nanotyped.row import Row

logger = logging.getLogger("nanotyped.nodes.kafka")

# What a message is by itself the cause of: another one may be taken. All else would meet the next message as well.
_OF_A_MESSAGE = frozenset({"MSG_SIZE_TOO_LARGE", "INVALID_MSG", "INVALID_MSG_SIZE", "INVALID_RECORD", "_BAD_MSG"})
_LOOK_S = 0.1
_OWN_SETTINGS = frozenset({"bootstrap.servers", "message.timeout.ms", "enable.idempotence"})


@register_node
class KafkaProducer(PassThrough[PassedRow, PassedRow]):
    """Sends each row to a topic of Kafka as JSON, and passes it on once the brokers have it.

    A value is a JSON object, each column in the JSON form of its type; a bare value is bare. The key of a message is a
    JSON object too, of the key columns of the row, so that rows of one key keep their order; without key columns
    messages have no key. Rows count as delivered once the brokers have confirmed them (``acks=all``, idempotent: a
    batch that the client sends again is not there twice). After a crash rows may be sent again.

    A message that the brokers refuse for what it is, such as one that is too large, is an error of its row. Brokers
    that cannot be reached, or do not confirm in time, end the run.

    Needs: typed rows. Gives: what it gets.

    Args:
        topic: The topic.
        bootstrap_servers: Where the brokers are: ``host:port``, several with commas between, or a list.
        key_columns: The columns of the key; by default those that are a key in the schema of the rows.
        timeout_s: Seconds for the delivery of a message, with all attempts of the client.
        settings: More settings of librdkafka, by their names there, such as ``security.protocol``.
        secret_settings: The same for those that nobody is to see, such as ``sasl.password``.

    Raises:
        MissingExtraError: If the client is not installed.
        WrongOptionsError: If an option is no good.
    """

    rows_are_independent = False
    stateless = True

    def __init__(
        self,
        *,
        topic: str,
        bootstrap_servers: str | list[str],
        key_columns: list[str] | None = None,
        timeout_s: float = 30.0,
        settings: dict[str, str | int | float | bool] | None = None,
        secret_settings: dict[str, SecretStr | str] | None = None,
        **kwargs: Any,
    ) -> None:
        problems = []
        if not topic:
            problems.append("topic must be named")
        servers = bootstrap_servers.split(",") if isinstance(bootstrap_servers, str) else list(bootstrap_servers)
        if not servers or not all(server.strip() for server in servers):
            problems.append("bootstrap_servers must name a broker")
        if not timeout_s > 0:
            problems.append(f"timeout_s must be above 0, not {timeout_s}")
        if own := sorted(_OWN_SETTINGS & {*(settings or ()), *(secret_settings or ())}):
            problems.append(f"settings: {', '.join(f'`{name}`' for name in own)} is set by the node itself")
        if problems:
            raise WrongOptionsError(problems)
        self.topic = topic
        self.bootstrap_servers = ",".join(server.strip() for server in servers)
        self.key_columns = key_columns
        self.timeout_s = timeout_s
        self.settings = dict(settings or {})
        self._secrets = {
            name: value.get_secret_value() if isinstance(value, SecretStr) else value
            for name, value in (secret_settings or {}).items()
        }
        try:
            import confluent_kafka  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise MissingExtraError("confluent-kafka", "kafka") from error
        self._kafka = confluent_kafka
        self._producer: Producer | None = None
        self._encoders: dict[type[Row], _Encoders] = {}
        self._delivered: set[int] = set()
        self._keys_seen: tuple[str, ...] = ()
        super().__init__(**kwargs)

    def check_input(self, given: Schema) -> list[GraphProblem]:
        """Return the columns that have no JSON form, and key columns that are missing."""
        self._keys_seen = given.key or self._keys_seen
        problems: list[GraphProblem] = [*RowEncoder.problems(given, self.label)]
        for name in self.key_columns or ():
            if name not in given:
                reason = f"node `{self.label}`: there is no column `{name}` for the key of messages"
                problems.append(NodeOptionError(reason, node=self.label, hint=given.missing_column(name)))
        return problems

    def spread_problem(self) -> str:
        """Return that the messages of one key keep their order, where they have keys."""
        keys = self._keys_seen if self.key_columns is None else self.key_columns
        return super().spread_problem() or (kept_in_order("the messages of one key", keys) if keys else "")

    def far_end(self, column: str) -> FarEnd:
        """Return that the column is JSON in a message."""
        del column
        return FarEnd(f"topic {self.topic}", "json", null="null")

    def setup(self) -> None:
        """Make the client; it connects by itself.

        Raises:
            DeliveryError: If it refuses its settings.
        """
        settings: Mapping[str, Any] = {
            **self.settings,
            **self._secrets,
            "bootstrap.servers": self.bootstrap_servers,
            "message.timeout.ms": round(self.timeout_s * 1000),
            "enable.idempotence": True,
        }
        try:
            self._producer = self._kafka.Producer(dict(settings), logger=logger)
        except self._kafka.KafkaException as error:
            raise DeliveryError(f"the Kafka client refuses its settings: {_reason(error.args[0])}") from None

    def process_batch(self, batch: Batch[Row]) -> Sequence[Row]:
        """Send the rows, wait until all are confirmed, and return them."""
        assert self._producer is not None  # setup has made it
        first = self.first_row_number
        failed: dict[int, KafkaError] = {}
        try:
            for number, row in enumerate(batch.rows, first):
                # Of a batch that is tried again without its bad rows, or by ``retry``, the others may be there already.
                if number not in self._delivered:
                    self._send(self._producer, row, number, failed)
        finally:
            given_up = not self._confirm(self._producer)
        if given_up:
            return ()
        if failed:
            self._raise(failed, batch.rows, first)
        self._delivered = {number for number in self._delivered if number >= first + len(batch.rows)}
        return batch.rows

    def _confirm(self, producer: Producer) -> bool:
        """Wait until the brokers have said of each message whether they have it; ``False`` if the node is to end."""
        while producer.flush(_LOOK_S):  # which ends: each message has its timeout
            if self.stop_requested:
                producer.purge()  # the rows do not count as delivered, and are given again where that can be
                producer.flush(_LOOK_S)
                return False
        return True

    def _send(self, producer: Producer, row: Row, number: int, failed: dict[int, KafkaError]) -> None:
        encoders = self._encoders.get(type(row))
        if encoders is None:
            encoders = self._encoders[type(row)] = _Encoders(type(row), self.key_columns, number)

        def report(error: KafkaError | None, _message: object) -> None:
            if error is None:
                self._delivered.add(number)
            else:
                failed[number] = error

        value, key = encoders.value.object(row, number), encoders.key_of(row, number)
        while True:
            try:
                producer.produce(self.topic, value=value, key=key, on_delivery=report)
                break
            except BufferError:  # the client's queue is full
                producer.poll(_LOOK_S)
                if self.stop_requested:
                    return
            except self._kafka.KafkaException as error:
                failed[number] = error.args[0]
                break
        producer.poll(0)

    def _raise(self, failed: dict[int, KafkaError], rows: Sequence[Row], first: int) -> None:
        for number, error in sorted(failed.items()):
            if error.name() not in _OF_A_MESSAGE:
                raise DeliveryError(f"topic {self.topic} was not to be reached: {_reason(error)}", row=number)
        number, error = min(failed.items())
        problem = RowError(f"row {number}: topic {self.topic} does not take it: {_reason(error)}", row=number)
        problem.row_text = shown(rows[number - first])
        raise problem


class _Encoders:
    """What makes the value and the key of a message of rows of a class."""

    def __init__(self, row_class: type[Row], key_columns: Sequence[str] | None, number: int) -> None:
        schema = row_info(row_class).schema
        names = schema.key if key_columns is None else tuple(key_columns)
        if missing := [name for name in names if name not in schema]:
            raise RowError(
                f"row {number}: there is no column `{missing[0]}` for the key", row=number, column=missing[0]
            )
        self.value = RowEncoder(schema)
        self._key: RowEncoder | None = None
        if names:
            key_schema = schema.select(names)
            self._key = RowEncoder(key_schema)
            self._project: Projection = compile_projection(row_class, key_schema.row_class())

    def key_of(self, row: Row, number: int) -> bytes | None:
        """Return the key of the message of a row."""
        return None if self._key is None else self._key.object(self._project([row])[0], number)


def _reason(error: Any) -> str:
    return f"{error.name()}: {error.str()}" if hasattr(error, "name") else str(error)
