from __future__ import annotations

import logging
import subprocess
import sys
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from pydantic import SecretStr

from nanotyped.engine.run import start_run
from nanotyped.errors import DeliveryError, GraphTypeError, NodeFailedError, WrongOptionsError
from nanotyped.node import FarEnd
from nanotyped.nodes.kafka import KafkaProducer
from nanotyped.row import Column, Schema, parse_schema
from nanotyped.types import INTEGER, STRING
from tests.support.flows import Given, Kept, reject_one, run_through

if TYPE_CHECKING:
    from pathlib import Path

QUIET = logging.getLogger("tests.kafka")
QUIET.addHandler(logging.NullHandler())
QUIET.propagate = False
SMALL: dict[str, Any] = {"message.max.bytes": 1000}


class Message(NamedTuple):
    key: str | None
    value: str


class Brokers:
    """The mock cluster that comes with the client: real brokers' protocol, on this machine."""

    def __init__(self) -> None:
        # The cluster lives as long as the client that made it.
        self._owner = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "mock"}, logger=QUIET)
        brokers = self._owner.list_topics(timeout=10).brokers
        self.servers = ",".join(f"{broker.host}:{broker.port}" for broker in brokers.values())

    def messages(self, topic: str, count: int) -> list[Message]:
        """Return the messages of a topic, partition by partition; there must be so many."""
        settings = {
            "bootstrap.servers": self.servers,
            "group.id": "g",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 10,
        }
        consumer = Consumer(settings, logger=QUIET)
        partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
        found: list[Message] = []
        ended = 0
        while ended < len(partitions):
            message = consumer.poll(10)
            assert message is not None
            if message.error() is not None:
                ended += 1
                continue
            key, value = message.key(), message.value()
            assert value is not None
            found.append(Message(None if key is None else key.decode(), value.decode()))
        consumer.close()
        assert len(found) == count, found
        return found


@pytest.fixture(scope="module")
def brokers() -> Brokers:
    """A cluster of one broker for the tests of this file, each of which has topics of its own."""
    return Brokers()


def test_rows_become_messages(brokers: Brokers) -> None:
    """Each row is a JSON object by the types of its columns, in order, and is passed on once it is confirmed."""
    schema = {"id": "bigint unsigned", "sum": "decimal(9,2) null"}
    node = KafkaProducer(topic="plain", bootstrap_servers=brokers.servers)
    kept = run_through(node, [(2**64 - 1, Decimal("1.50")), (2, None)], schema)
    assert len(kept.rows) == 2
    assert sorted(brokers.messages("plain", 2)) == sorted(
        [Message(None, '{"id":"18446744073709551615","sum":"1.50"}'), Message(None, '{"id":"2","sum":null}')]
    )


@pytest.mark.parametrize("by_schema", [True, False])
def test_keys(brokers: Brokers, by_schema: bool) -> None:
    """The key columns of the schema, or those that are named, are the key; rows of one key keep their order."""
    topic = f"keyed{by_schema}"
    schema = Schema([Column("id", INTEGER, key=by_schema), Column("text", STRING)])
    node = KafkaProducer(topic=topic, bootstrap_servers=[brokers.servers], key_columns=None if by_schema else ["id"])
    run_through(node, [(n % 2, str(n)) for n in range(10)], schema)
    found = brokers.messages(topic, 10)
    for n in range(2):
        values = [message.value for message in found if message.key == f'{{"id":"{n}"}}']
        assert values == [f'{{"id":"{n}","text":"{m}"}}' for m in range(n, 10, 2)]


def test_bare_values(brokers: Brokers) -> None:
    """A bare value is a bare JSON value."""
    run_through(KafkaProducer(topic="bare", bootstrap_servers=brokers.servers), ["rye"])
    assert brokers.messages("bare", 1) == [Message(None, '"rye"')]


def test_a_message_that_is_not_taken_is_an_error_of_its_row(brokers: Brokers, tmp_path: Path) -> None:
    """A message that is too large is an error of its row; the others are sent, each once."""
    rows = [("a",), ("b" * 2000,), ("c",)]
    topics: list[str] = []

    def make(**more: Any) -> KafkaProducer:
        topics.append(f"large{len(topics)}")
        return KafkaProducer(topic=topics[-1], bootstrap_servers=brokers.servers, settings=SMALL, **more)

    found = reject_one(make, rows, tmp_path, {"v": "varchar(5000)"})
    assert found.failure == (
        "row 2: topic large0 does not take it: MSG_SIZE_TOO_LARGE: "
        "Unable to produce message: Broker: Message size too large"
    )
    assert found.others == [{"v": "a"}, {"v": "c"}]
    assert found.letters == [{"v": "b" * 2000}]
    for topic in topics[1:]:
        assert sorted(message.value for message in brokers.messages(topic, 2)) == ['{"v":"a"}', '{"v":"c"}']


def test_brokers_that_are_not_there_end_the_run() -> None:
    """Brokers that nobody reaches are no fault of a row: the run ends, whatever `on_error` says."""
    node = KafkaProducer(topic="t", bootstrap_servers="127.0.0.1:1", timeout_s=0.3, on_error="skip")
    _ = Given([(1,), (2,)], {"n": "int"}) > node
    with pytest.raises(NodeFailedError) as caught:
        start_run(node).wait(30)
    assert isinstance(caught.value.__cause__, DeliveryError)
    assert str(caught.value.__cause__) == "topic t was not to be reached: _MSG_TIMED_OUT: Local: Message timed out"
    assert node.statistics.skipped == 0


def test_a_stop_does_not_wait_for_brokers_that_are_not_there() -> None:
    """A terminate ends the wait for confirmation, and the rows do not count as delivered."""
    node = KafkaProducer(topic="t", bootstrap_servers="127.0.0.1:1")
    sink = Kept()
    _ = Given([(1,), (2,)], {"n": "int"}) > node > sink
    run = start_run(node)
    while not node.messages_received_counter:
        time.sleep(0.01)
    began = time.monotonic()
    run.terminate()
    run.wait(10)
    assert time.monotonic() - began < 3
    assert (node.status, sink.rows) == ("stopped", [])


def test_settings_that_the_client_refuses(brokers: Brokers) -> None:
    """A setting that librdkafka does not know fails the run with its word."""
    node = KafkaProducer(topic="t", bootstrap_servers=brokers.servers, settings={"no.such": "1"})
    _ = Given([(1,)], {"n": "int"}) > node
    with pytest.raises(NodeFailedError) as caught:
        start_run(node).wait(30)
    assert str(caught.value.__cause__) == (
        'the Kafka client refuses its settings: _INVALID_ARG: No such configuration property: "no.such"'
    )


def test_secret_settings_reach_the_client(brokers: Brokers) -> None:
    """A secret, given as text or as `SecretStr`, is used as it is, and is not told."""
    secret: dict[str, SecretStr | str] = {"sasl.password": SecretStr("hunter2"), "client.id": "me"}
    node = KafkaProducer(topic="secret", bootstrap_servers=brokers.servers, secret_settings=secret)
    assert "hunter2" not in f"{node.given_options!r}{node!r}"
    assert node._secrets == {"sasl.password": "hunter2", "client.id": "me"}
    run_through(node, ["rye"])
    brokers.messages("secret", 1)


def test_refused_before_the_run() -> None:
    """A key column that is missing, and a type without a JSON form, are refused before the run."""
    node = KafkaProducer(topic="t", bootstrap_servers="127.0.0.1:1", key_columns=["idd"], name="send")
    _ = Given([], {"id": "int"}) > node > Kept()
    with pytest.raises(GraphTypeError) as caught:
        start_run(node)
    assert [str(problem) for problem in caught.value.problems] == [
        "node `send`: there is no column `idd` for the key of messages. Hint: did you mean `id`?"
    ]
    assert node.far_end("id") == FarEnd("topic t", "json", null="null")
    assert node.output_schema_for(parse_schema({"id": "int"})) == parse_schema({"id": "int"})


def test_wrong_options_are_told_at_once() -> None:
    """Everything that is wrong with the options is told at construction."""
    with pytest.raises(WrongOptionsError) as caught:
        KafkaProducer(topic="", bootstrap_servers="a:1,,b:2", timeout_s=0, settings={"bootstrap.servers": "c:3"})
    assert caught.value.problems == (
        "topic must be named",
        "bootstrap_servers must name a broker",
        "timeout_s must be above 0, not 0",
        "settings: `bootstrap.servers` is set by the node itself",
    )


def test_without_the_client_the_node_says_which_extra_brings_it() -> None:
    """The package is imported without the client; making the node says what to install."""
    code = """
import sys
sys.modules["confluent_kafka"] = None
import nanotyped
try:
    nanotyped.nodes.KafkaProducer(topic="t", bootstrap_servers="h:1")
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "confluent-kafka is not installed; `pip install nanotyped[kafka]` brings it\n"
