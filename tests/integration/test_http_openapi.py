"""Rows that were held to an OpenAPI document, sent to a service that holds each body to the same document."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator

from nanotyped import HttpPostRequest, IdempotencyKey
from nanotyped.errors import GraphTypeError, NodeFailedError
from nanotyped.testing import HttpApi, InMemoryTable, Response

if TYPE_CHECKING:
    from pathlib import Path

    from nanotyped.testing import Request

CUSTOMER = {
    "type": "object",
    "required": ["id", "email", "balance"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "integer", "minimum": 0, "maximum": 2**64 - 1},
        "email": {"type": "string", "maxLength": 12},
        "balance": {"type": "number", "multipleOf": 0.01, "exclusiveMaximum": 10**16},
        "state": {"enum": ["new", "old"]},
        "born": {"type": ["string", "null"], "format": "date"},
        "seen": {"type": "string", "format": "date-time", "maxLength": 24},
        "ref": {"$ref": "#/components/schemas/Reference"},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "uniqueItems": True, "maxItems": 2},
        "large": {"type": "string", "format": "int64"},
        "request": {"type": "string"},
    },
}
COLUMNS = {
    "id": "bigint unsigned",
    "email": "varchar(12)",
    "balance": "decimal(18,2)",
    "state": "enum('old','new')",
    "born": "date null",
    "seen": "timestamp(3)",
    "ref": "uuid",
    "tags": "set('a','b')",
    "large": "bigint",
}
BODIES = {
    "array": {"type": "array", "items": {"$ref": "#/components/schemas/Customer"}, "maxItems": 3},
    "object": {
        "type": "object",
        "required": ["customers"],
        "additionalProperties": False,
        "properties": {"customers": {"type": "array", "items": {"$ref": "#/components/schemas/Customer"}}},
    },
}


def rows(count: int = 7) -> list[dict[str, Any]]:
    """Return rows at the edges of their types."""
    return [
        {
            "id": 2**64 - 1 - number,
            "email": "é" * (12 - number % 3),
            "balance": Decimal("9999999999999999.99") - number,
            "state": ("old", "new")[number % 2],
            "born": None if number % 2 else date(1000, 1, 1),
            "seen": datetime(2024, 5, 6, 7, 8, 9, number * 1000, UTC),
            "ref": UUID(int=2**128 - 1 - number),
            "tags": frozenset("ab"[: number % 3]),
            "large": -(2**63) + number,
        }
        for number in range(count)
    ]


class Service:
    """Takes what is valid against the document, and nothing else."""

    def __init__(self, folder: Path, shape: str) -> None:
        body = {"content": {"application/json": {"schema": BODIES[shape]}}, "required": True}
        document = {
            "openapi": "3.1.0",
            "servers": [{"url": "https://api.example.com/{version}"}],
            "paths": {"/customers/{region}": {"post": {"operationId": "create", "requestBody": body}}},
            "components": {"schemas": {"Customer": CUSTOMER, "Reference": {"type": "string", "format": "uuid"}}},
        }
        self.file = folder / "api.json"
        self.file.write_text(json.dumps({**document, **BODIES[shape]}))
        # It keeps digits, as what it validates does: in floats 9999999999999999.99 is 10000000000000000.
        self.validator = Draft202012Validator(json.loads(self.file.read_text(), parse_float=Decimal))
        self.taken: list[Any] = []

    def __call__(self, request: Request) -> Response:
        errors = [error.message for error in self.validator.iter_errors(request.json())]
        if errors:
            return Response.of_json({"errors": errors}, 422)
        body = request.json()
        self.taken += body if isinstance(body, list) else body["customers"]
        return Response()


def send(api: HttpApi, service: Service, given: list[dict[str, Any]], columns: Any = COLUMNS, **options: Any) -> None:
    """Run a pipeline from a table of rows to the service."""
    api.play(service)
    found = {"batch_rows": 3, "numbers": ["id", "balance"], "openapi": f"{service.file}#create", **options}
    table: InMemoryTable[Any] = InMemoryTable(given, columns, name="read")
    _ = table > HttpPostRequest(name="post", url=f"{api.url}/v2/customers/eu", **found)
    table.run()


@pytest.mark.parametrize(
    ("shape", "options"), [("array", {}), ("object", {"envelope": "object", "envelope_key": "customers"})]
)
def test_what_passes_the_check_is_taken(http_api: HttpApi, tmp_path: Path, shape: str, options: dict[str, Any]) -> None:
    """Every row at the edge of its types arrives, with every digit of its numbers."""
    service = Service(tmp_path, shape)
    send(http_api, service, rows(), **options)
    assert len(http_api.requests) == 3
    assert [(one["id"], one["balance"], int(one["large"])) for one in service.taken] == [
        (row["id"], row["balance"], row["large"]) for row in rows()
    ]


def test_the_key_of_each_row_is_one_of_its_members(http_api: HttpApi, tmp_path: Path) -> None:
    """Keys stand in the body under the name that it knows; numbers change none of them."""
    keys = []
    for numbers in (["id", "balance"], "all"):
        service = Service(tmp_path, "array")
        columns = {name: kind for name, kind in COLUMNS.items() if numbers != "all" or name != "large"}
        given = [{name: row[name] for name in columns} for row in rows()]
        key = IdempotencyKey(field="request", columns=["id"])
        send(http_api, service, given, columns, numbers=numbers, idempotency_key=key)
        keys.append([one["request"] for one in service.taken])
    assert keys[0] == keys[1]
    assert len(set(keys[0])) == 7


def test_what_does_not_fit_is_refused_before_anything_is_sent(http_api: HttpApi, tmp_path: Path) -> None:
    """The run does not begin, and the service hears nothing."""
    service = Service(tmp_path, "array")
    with pytest.raises(GraphTypeError) as caught:
        send(http_api, service, rows(), numbers=["id"], batch_rows=4)
    assert [str(problem).split(" - ")[0].split(". Hint")[0] for problem in caught.value.problems] == [
        f"node `post`, `batch_rows`: the body of `{service.file}#create`: it may have 4 items, 3 fit",
        "Expected `number, multipleOf 0.01, exclusiveMaximum 10000000000000000`, got `decimal(18,2)` (it is sent as "
        "a string)",
    ]
    assert http_api.requests == []


def test_what_is_trusted_is_for_the_service_to_judge(http_api: HttpApi, tmp_path: Path) -> None:
    """A value beyond the body reaches the service, whose refusal ends the run; what it took before it took."""
    service = Service(tmp_path, "array")
    columns = {**COLUMNS, "email": "varchar(13)"}
    given = rows()
    given[3] = {**given[3], "email": "x" * 13}
    with pytest.raises(NodeFailedError):
        send(http_api, service, given, columns, openapi_trust=["email"])
    assert [one["id"] for one in service.taken] == [row["id"] for row in given[:3]]
