"""An OpenAPI document as the contract of a sink: what does not fit is refused before anything runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nanotyped import HttpPostRequest, IdempotencyKey
from nanotyped.config import check_pipeline, lint_files, parse_pipeline
from nanotyped.graph import survey_graph
from nanotyped.nodes.http.openapi import OpenApiContract, SentRequest
from nanotyped.nodes.http.openapi_document import MAX_JSON_BYTES, MAX_JSON_DEPTH
from nanotyped.nodes.http.sent_rows import sent_row
from nanotyped.nodes.http.url_template import UrlTemplate
from nanotyped.row import parse_schema
from nanotyped.testing import InMemoryTable

if TYPE_CHECKING:
    from nanotyped.errors import GraphProblem

API = """\
openapi: 3.0.3
info: {title: Shop, version: "1"}
servers: [{url: "https://{region}.example.com:{port}/v1"}]
paths:
  /customers/batch:
    post:
      operationId: createCustomers
      requestBody: {$ref: "#/components/requestBodies/Customers"}
      responses: {200: {description: ok}}
  /customers:
    post:
      operationId: importCustomers
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              required: [customers]
              properties:
                customers: {type: array, items: {$ref: "#/components/schemas/Customer"}}
                source: {type: string}
          application/x-ndjson:
            schema: {$ref: "#/components/schemas/Customer"}
      responses: {200: {description: ok}}
  /customers/{id}/orders.json:
    put:
      operationId: replaceOrders
      servers: [{url: /}, {url: /old/}]
      requestBody:
        required: true
        content: {application/json: {schema: {type: object, required: [total], properties: {total: {type: number}}}}}
      responses: {200: {description: ok}}
  /ping:
    post: {operationId: ping, responses: {200: {description: ok}}}
components:
  requestBodies:
    Customers:
      required: true
      content:
        application/json; charset=utf-8:
          schema: {type: array, maxItems: 100, items: {$ref: "#/components/schemas/Customer"}}
  schemas:
    Customer:
      type: object
      required: [id, email]
      additionalProperties: false
      properties:
        id: {type: integer, format: int64}
        email: {type: string, maxLength: 64, format: email}
        balance: {type: number, multipleOf: 0.01}
        state: {type: string, enum: [new, old]}
        born: {type: string, format: date, nullable: true}
        seen: {type: string, format: date-time}
        stars: {type: integer, minimum: 1, maximum: 5}
        ref: {type: string, format: uuid}
        photo: {$ref: "media.yaml#/Photo"}
"""
GOOD = {"id": "bigint", "email": "varchar(64)"}
BATCH = "https://eu.example.com/v1/customers/batch"


@pytest.fixture(autouse=True)
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The document, in the working directory."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "api.yaml"
    file.write_text(API)
    return file


def looked_at(schema: Any, **options: Any) -> tuple[list[str], list[str]]:
    """Return the problems and the notices of a pipeline from a table of a schema into a sink."""
    given = {"url": BATCH, "openapi": "api.yaml#createCustomers", "batch_rows": 100, "numbers": ["id"], **options}
    node = HttpPostRequest(name="post", **given)
    _ = InMemoryTable([], schema, name="read") > node
    problems: list[GraphProblem] = list(survey_graph(node).problems)
    return [str(problem) for problem in problems], node.notices()


def problems(schema: Any = GOOD, **options: Any) -> list[str]:
    """Return the problems alone."""
    return looked_at(schema, **options)[0]


def requested(request: SentRequest, name: str = "replaceOrders") -> list[str]:
    """Return what is wrong with a request whose rows are not known."""
    return [str(problem) for problem in OpenApiContract(f"api.yaml#{name}").check_request(request, "post")]


# -- columns ------------------------------------------------------------------------------


def test_columns_that_fit() -> None:
    """Rows that the body takes pass, and what types do not say of them is a note."""
    columns = {"balance": "decimal(12,2)", "state": "enum('old','new')", "born": "date null", "seen": "timestamp(3)"}
    assert looked_at({**GOOD, **columns, "ref": "uuid"}, numbers="all") == (
        [],
        [
            "types do not say whether rows fit `api.yaml#createCustomers` in $.email (format email); the service "
            "judges each row"
        ],
    )


def test_every_column_that_does_not_fit_is_told_at_once() -> None:
    """Each problem names the edge, the column, both sides and what helps."""
    columns = {
        "emial": "varchar(64)",
        "balance": "decimal(12,2)",
        "state": "enum('new','odd')",
        "born": "date null",
        "seen": "datetime null",
        "stars": "tinyint unsigned",
        "ref": "char(36)",
        "photo": "varchar(9)",
        "note": "varchar(9)",
    }
    place = "at `post → api.yaml#createCustomers`"
    assert problems({"id": "bigint unsigned", **columns}) == [
        f"Expected `integer, format int64`, got `bigint unsigned` (it may be beyond int64) - {place} $.id. "
        "Hint: put a Cast to `bigint` between them that says what may be lost, or `openapi_trust: [id]` leaves its "
        "values to the service",
        f"Expected `nothing`, got `varchar(64)` - {place} $.emial. Hint: did you mean `email`?",
        f"Expected `number, multipleOf 0.01`, got `decimal(12,2)` (it is sent as a string) - {place} $.balance. "
        "Hint: `numbers: [balance]` sends it as a number",
        f"Expected `string, one of new, old`, got `enum('new','odd')` (it may be `odd`) - {place} $.state. "
        "Hint: put a Cast to `enum('new','old')` between them that says what may be lost, or `openapi_trust: [state]` "
        "leaves its values to the service",
        f"Expected `string, format date-time`, got `datetime null` (it has no zone; it may be null) - {place} $.seen. "
        "Hint: `openapi_trust: [seen]` leaves its values to the service, "
        "and drop the nulls first: Filter(test='value_is_not_none', key='seen')",
        f"Expected `integer, minimum 1, maximum 5`, got `tinyint unsigned` (it may be 0, 1 is the least; "
        f"it may be 255, 5 is the most) - {place} $.stars. Hint: `openapi_trust: [stars]` leaves its values to the "
        "service",
        f"Expected `string, format uuid`, got `char(36)` (it may be another text) - {place} $.ref. "
        "Hint: put a Cast to `uuid` between them that says what may be lost, or `openapi_trust: [ref]` leaves its "
        "values to the service",
        "node `post`, `openapi`: what `api.yaml#createCustomers` says of `$.photo` cannot be followed: "
        "`media.yaml#/Photo` leads to another document, which is not read; bundle them into one",
        f"Expected `nothing`, got `varchar(9)` - {place} $.note. Hint: leave it out; the members are `id`, `email`, "
        "`balance`, `state`, `born`, …",
        f"Expected `string, maxLength 64, format email`, got nothing - {place} $.email. Hint: did you mean `emial`?",
    ]


def test_a_text_that_may_be_too_long() -> None:
    """A column that is wider than the body is refused, and trusted where the pipeline says so, but for its nulls."""
    place = "at `post → api.yaml#createCustomers` $.email"
    wide = {"id": "bigint", "email": "varchar(255)"}
    assert problems(wide) == [
        "Expected `string, maxLength 64, format email`, got `varchar(255)` (it may have 255 characters, 64 fit) - "
        f"{place}. Hint: put a Cast to `varchar(64)` between them that says what may be lost, or "
        "`openapi_trust: [email]` leaves its values to the service"
    ]
    trusted, notices = looked_at(wide, openapi_trust=["email"])
    assert trusted == []
    assert notices == [
        "types do not say whether rows fit `api.yaml#createCustomers` in $.email (it may have 255 characters, 64 fit, "
        "format email); the service judges each row"
    ]
    assert problems({"id": "bigint", "email": "varchar(255) null"}, openapi_trust=["email"]) == [
        f"Expected `string, maxLength 64, format email`, got `varchar(255) null` (it may be null) - {place}. "
        "Hint: drop the nulls first: Filter(test='value_is_not_none', key='email')"
    ]
    assert problems(GOOD, openapi_trust=["mail"]) == [
        "node `post`, `openapi_trust`: there is no column `mail`. Hint: did you mean `email`?"
    ]


def test_numbers_and_texts_that_are_sent_the_other_way() -> None:
    """What is a number where a text is wanted says so too."""
    api = API.replace("id: {type: integer, format: int64}", "id: {type: string}")
    Path("api.yaml").write_text(api)
    assert problems(GOOD, numbers="all") == [
        "Expected `string`, got `bigint` (it is sent as an integer) - at `post → api.yaml#createCustomers` $.id. "
        "Hint: leave it out of `numbers`"
    ]
    assert problems(GOOD, numbers=[]) == []


def test_the_member_of_a_key_is_one_of_the_row() -> None:
    """A key that is put into each object is a member that the body has to know."""
    key = IdempotencyKey(field="request")
    assert problems(GOOD, idempotency_key=key) == [
        "Expected `nothing`, got `what is sent there` - at `post → api.yaml#createCustomers` $.request. Hint: leave it "
        "out; the members are `id`, `email`, `balance`, `state`, `born`, …"
    ]
    assert problems(GOOD, idempotency_key=IdempotencyKey(field="state")) == [
        "Expected `string, one of new, old`, got `what is sent there` (it may be something else) - at "
        "`post → api.yaml#createCustomers` $.state"
    ]


def test_rows_of_several_kinds_are_each_checked() -> None:
    """Each branch that reaches the sink is held to the body."""
    node = HttpPostRequest(name="post", url=BATCH, openapi="api.yaml#createCustomers", batch_rows=9, numbers="all")
    for name, kind in (("a", "varchar(64)"), ("b", "varchar(65)"), ("c", "int")):
        _ = InMemoryTable([], {"id": "int", "email": kind}, name=name) > node
    assert [str(one).split(" - ")[0] for one in survey_graph(node).problems] == [
        "Expected `string, maxLength 64, format email`, got `varchar(65)` (it may have 65 characters, 64 fit)",
        "Expected `string, maxLength 64, format email`, got `int` (it is sent as an integer)",
    ]


# -- the request --------------------------------------------------------------------------


def test_the_batch_is_no_larger_than_the_body_takes() -> None:
    """`maxItems` is about `batch_rows`, which is 500 where nothing is said."""
    assert problems(GOOD, batch_rows=500) == [
        "node `post`, `batch_rows`: the body of `api.yaml#createCustomers`: it may have 500 items, 100 fit. "
        "Hint: batch_rows: 100"
    ]


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"envelope": "object", "envelope_key": "customers"}, []),
        ({"envelope": "ndjson"}, []),
        ({"envelope": "object", "envelope_key": "custmers"},
         ["node `post`, `envelope_key`: the body of `api.yaml#importCustomers` has no member `custmers`. "
          "Hint: did you mean `customers`?"]),
        ({"envelope": "object", "envelope_key": "rows"},
         ["node `post`, `envelope_key`: the body of `api.yaml#importCustomers` has no member `rows`. "
          "Hint: envelope_key: customers"]),
        ({"envelope": "object", "envelope_key": "source"},
         ["node `post`, `envelope`: the member `source` of the body of `api.yaml#importCustomers` is to be string, and "
          "is sent as an array. Hint: envelope: object, envelope_key: customers",
          "node `post`, `envelope`: the member `customers` of the body of `api.yaml#importCustomers` has to be sent, "
          "and the rows alone are"]),
        ({"envelope": "array"},
         ["node `post`, `envelope`: the body of `api.yaml#importCustomers` is to be object, and is sent as an array. "
          "Hint: envelope: object, envelope_key: customers"]),
    ],
)  # fmt: skip
def test_the_envelope_is_that_of_the_body(options: dict[str, Any], wanted: list[str]) -> None:
    """Rows go where the body has its array, under the name of its member, and are held to its items."""
    url = "http://localhost:8080/v1/customers"
    assert problems(GOOD, url=url, openapi="api.yaml#importCustomers", **options) == wanted
    if not wanted:
        found = problems({"id": "bigint"}, url=url, openapi="api.yaml#importCustomers", **options)
        assert [one.split(". Hint")[0] for one in found] == [
            "Expected `string, maxLength 64, format email`, got nothing - at `post → api.yaml#importCustomers` $.email"
        ]


def test_an_array_of_rows_for_a_body_that_is_one() -> None:
    """An object for an array, an array for an object, and a body for an operation without one, are refused."""
    put = UrlTemplate("http://h/customers/{id}/orders.json")
    post = UrlTemplate("http://h/v1/customers/batch")
    ping = UrlTemplate("http://h/v1/ping")
    assert requested(SentRequest("PUT", put, "single", None, 1)) == []
    assert requested(SentRequest("PUT", put, "array", None, 1)) == [
        "node `post`, `envelope`: the body of `api.yaml#replaceOrders` is to be object, and is sent as an array. "
        "Hint: envelope: single"
    ]
    assert requested(SentRequest("PUT", put, "none", None, 1)) == [
        "node `post`, `envelope`: `api.yaml#replaceOrders` needs a body, and none is sent"
    ]
    assert requested(SentRequest("POST", post, "object", "rows", 1), "createCustomers") == [
        "node `post`, `envelope`: the body of `api.yaml#createCustomers` is to be array, maxItems 100, and is sent as "
        "an object. Hint: envelope: array"
    ]
    assert requested(SentRequest("POST", post, "ndjson", None, 1), "createCustomers") == [
        "node `post`, `envelope`: the body of `api.yaml#createCustomers` is `application/json`, and "
        "`application/x-ndjson` is sent"
    ]
    assert requested(SentRequest("POST", ping, "none", None, 1), "ping") == []
    assert requested(SentRequest("POST", ping, "single", None, 1), "ping") == [
        "node `post`, `envelope`: the body of `api.yaml#ping` is nothing, and `application/json` is sent"
    ]
    contract = OpenApiContract("api.yaml#createCustomers")
    request, given = SentRequest("POST", post, "single", None, 1), parse_schema(GOOD)
    assert [str(one) for one in contract.check_rows(given, sent_row(given), request, "post")] == [
        "node `post`, `envelope`: a row is to be array, maxItems 100 in the body of `api.yaml#createCustomers`, and is "
        "sent as an object. Hint: envelope: array"
    ]


@pytest.mark.parametrize(
    ("url", "fits"),
    [
        ("http://h/customers/{id}/orders.json", True),
        ("http://h/old/customers/{number}/orders.json?a={b}", True),
        ("http://h/customers/7/orders.json", True),
        ("http://h/customers/shop-{id}/orders%2Ejson", True),
        ("http://h/v1/customers/{id}/orders.json", False),
        ("http://h/customers/{id}/orders", False),
        ("http://h/customers/{a}/{b}/orders.json", False),
        ("http://h/customers//orders.json", False),
    ],
)
def test_the_path_of_the_url_is_that_of_the_operation(url: str, fits: bool) -> None:
    """A parameter takes one segment or a part of it; the servers say what stands before, whatever the host is."""
    template = UrlTemplate(url)
    reason = (
        "node `post`, `url`: the path of `api.yaml#replaceOrders` is `/customers/{id}/orders.json` or "
        f"`/old/customers/{{id}}/orders.json`, and that of the url `{template.path}`"
    )
    assert requested(SentRequest("PUT", template, "single", None, 1)) == ([] if fits else [reason])


def test_the_method_is_that_of_the_operation() -> None:
    """A node that posts is refused for an operation that is a PUT."""
    template = UrlTemplate("http://h/customers/{id}/orders.json")
    assert requested(SentRequest("POST", template, "single", None, 1)) == [
        "node `post`, `method`: `api.yaml#replaceOrders` is PUT /customers/{id}/orders.json, and POST is sent. "
        "Hint: method: PUT"
    ]


# -- the document -------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["api.yaml", "#createCustomers", "api.yaml#", ""])
def test_an_option_that_names_no_operation(text: str) -> None:
    """The option has a file and an operation; anything else is refused when the node is made."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is looked at
        HttpPostRequest(url=BATCH, openapi=text)
    assert str(caught.value) == f"openapi is FILE#OPERATION, such as `api.yaml#createCustomer`, not {text!r}"


def test_trust_without_a_contract() -> None:
    """There is nothing to trust where nothing is checked."""
    with pytest.raises(ValueError, match=r"^openapi_trust goes with openapi, and with nothing else$"):
        HttpPostRequest(url=BATCH, openapi_trust=["id"])


@pytest.mark.parametrize(
    ("name", "text", "reasons"),
    [
        ("missing.yaml", None, ["missing.yaml: no such file; did you mean `api.yaml`?"]),
        ("x.json", None, ["x.json: cannot be read: No such file or directory"]),
        ("x.yaml", "openapi: 3.0.0\npaths: &a {}\nx: *a\n",
         ["x.yaml:2:8: an anchor (`&a`); it is of no use, for aliases are not read",
          "x.yaml:3:4: an alias (`*a`); write the value out"]),
        ("x.yaml", "swagger: '2.0'\n", ["x.yaml: `swagger: 2.0`; documents of OpenAPI 3.0 and 3.1 are read"]),
        ("x.yaml", "openapi: 3.2.0\n", ["x.yaml: `openapi: 3.2.0`; documents of OpenAPI 3.0 and 3.1 are read"]),
        ("x.yaml", "paths: {}\n", ["x.yaml: no `openapi: VERSION`; documents of OpenAPI 3.0 and 3.1 are read"]),
        ("x.yaml", "- 1\n", ["x.yaml: no OpenAPI document, which is an object"]),
        ("x.json", '{"openapi": "3.1.0", "openapi": "3.0.0"}', ["x.json: `openapi` is given twice in one object"]),
        ("x.json", '{"openapi": "3.1.0",\n "a": NaN}', ["x.json: NaN, which JSON does not have"]),
        ("x.json", '{"openapi": "3.1.0",\n "a" 1}', ["x.json: no JSON: line 2, column 6: Expecting ':' delimiter"]),
        ("x.json", "[" * 101 + "]" * 101, [f"x.json: nested more than {MAX_JSON_DEPTH} deep"]),
        ("x.json", "[" * 90_000, [f"x.json: nested more than {MAX_JSON_DEPTH} deep"]),
        ("x.json", b'"\xff"', ["x.json: the byte 0xff at 1 is no UTF-8"]),
        ("x.json", b" " * (MAX_JSON_BYTES + 1), ["x.json: larger than 16 MiB, the most that is read"]),
        ("x.yaml", "openapi: 3.1.0\n", ["`x.yaml`: it has no operation `go`; no operation of it has an operationId"]),
        ("x.yaml", "openapi: 3.1.0\npaths: []\n", ["`x.yaml`: `paths` is to be an object, not []"]),
        ("x.yaml", "openapi: 3.1.0\npaths: {/a: {post: {operationId: go}, put: {operationId: go}}}\n",
         ["`x.yaml`: `go` is the operationId of PUT /a and POST /a; it has to be of one"]),
        ("x.yaml", "openapi: 3.1.0\npaths: {/a: {post: {operationId: run}}}\n",
         ["`x.yaml`: it has no operation `go`; there are `run`"]),
        ("x.yaml", "openapi: 3.1.0\npaths: {/a: {$ref: '#/x'}}\nx: {$ref: '#/paths/~1a'}\n",
         ["`x.yaml`: `#/x` is one of more than 32 references in a row; do they go in a circle?"]),
        ("x.yaml", "openapi: 3.1.0\npaths: {/v1/a: {post: {operationId: go, requestBody: {content: {application/json: "
         "{schema: {$ref: '#/y'}}}}}}}\n",
         ["the body of `x.yaml#go`: `#/y` leads to nothing"]),
    ],
)  # fmt: skip
def test_a_document_that_cannot_be_used(name: str, text: str | bytes | None, reasons: list[str]) -> None:
    """Everything that is wrong with the file is told, and nothing is said of columns."""
    if text is not None:
        Path(name).write_bytes(text if isinstance(text, bytes) else text.encode())
    found = problems(GOOD, openapi=f"{name}#go", url="http://h/v1/a")
    assert found == [f"node `post`, `openapi`: {reason}" for reason in reasons]


def test_a_document_in_json_is_read_alike() -> None:
    """JSON by its name; a multiple of 0.01 is exactly that."""
    customer = {"type": "object", "properties": {"total": {"type": "number", "multipleOf": 0.01}}}
    body = {"content": {"application/json": {"schema": {"type": "array", "items": {"$ref": "#/x~1y"}}}}}
    document = {
        "openapi": "3.1.0",
        "x/y": customer,
        "paths": {"/a": {"post": {"operationId": "go", "requestBody": body}}},
    }
    Path("x.json").write_text(json.dumps(document))
    options = {"openapi": "x.json#go", "url": "http://h/a", "numbers": "all"}
    assert problems({"total": "decimal(12,2)"}, **options) == []
    assert problems({"total": "decimal(12,3)"}, **options) == [
        "Expected `number, multipleOf 0.01`, got `decimal(12,3)` (it may be no multiple of 0.01) - at "
        "`post → x.json#go` $.total. Hint: `openapi_trust: [total]` leaves its values to the service"
    ]


# -- files --------------------------------------------------------------------------------

PIPELINE = """\
nodes:
  read:
    class: StreamMySQLTable
    options: {url: "mysql://u:p@127.0.0.1/shop", table: customers}
    output_schema: {id: bigint, email: varchar(255)}
  post:
    class: HttpPostRequest
    options:
      url: https://eu.example.com/v1/customers/batch
      openapi: api.yaml#createCustomer
      numbers: [id]
      batch_rows: 50
paths: [[read, post]]
"""


def test_a_file_is_told_line_and_column() -> None:
    """`check` and `lint` place what is wrong at the option, or at the node of the edge."""
    Path("p.yaml").write_text(PIPELINE)
    (finding,) = lint_files(["p.yaml"])
    assert str(finding).startswith("p.yaml:10:7")
    found = check_pipeline(parse_pipeline(PIPELINE.replace("Customer\n", "Customers\n"), "p.yaml"))
    assert [str(one) for one in found] == [
        "p.yaml:6:3: Expected `string, maxLength 64, format email`, got `varchar(255)` (it may have 255 characters, "
        "64 fit) - at `post → api.yaml#createCustomers` $.email. Hint: put a Cast to `varchar(64)` between them that "
        "says what may be lost, or `openapi_trust: [email]` leaves its values to the service"
    ]


def test_a_pipeline_with_a_contract_is_written_as_a_file() -> None:
    """Options of the contract come back as they were given."""
    text = PIPELINE.replace("Customer\n", "Customers\n").replace(
        "numbers: [id]", "numbers: all\n      openapi_trust: [email]"
    )
    pipeline = parse_pipeline(text, "p.yaml")
    assert check_pipeline(pipeline) == []
    written = pipeline.anchor.to_yaml()
    assert "openapi: api.yaml#createCustomers\n" in written
    again = parse_pipeline(written, "again.yaml", {"READ_URL": "mysql://u:p@127.0.0.1/shop"})
    assert check_pipeline(again) == []
    assert again.anchor.to_yaml() == written


# -- templates, numbers and methods --------------------------------------------------------------


def found_of(tmp_path: Path, body: dict[str, Any] | None, **options: Any) -> list[str]:
    """Return what is wrong with PUT of an order by a template."""
    (tmp_path / "api.yaml").write_text(API)
    node = HttpPostRequest(
        name="put",
        method="PUT",
        url="http://127.0.0.1:1/customers/{id}/orders.json",
        body=body,
        openapi=f"{tmp_path / 'api.yaml'}#replaceOrders",
        **options,
    )
    source: InMemoryTable[Any] = InMemoryTable([], {"id": "int", "sum": "decimal(9,2)"}, name="read")
    _ = source > node
    return [str(problem) for problem in survey_graph(node).problems]


def test_a_template_is_held_to_the_document_too(tmp_path: Path) -> None:
    """What the template makes counts, not the columns: a name, a type, and columns that are numbers in it."""
    assert found_of(tmp_path, {"total": "{sum}"}, numbers=["sum"]) == []
    assert found_of(tmp_path, {"total": 1}) == []
    assert found_of(tmp_path, {"total": "{id}"}) == []
    place = f"at `put → {tmp_path / 'api.yaml'}#replaceOrders` $.total"
    [missing] = found_of(tmp_path, {"amount": "{id}"})
    assert missing.startswith(f"Expected `number`, got nothing - {place}")
    [text] = found_of(tmp_path, {"total": "{sum}"})
    assert text.startswith("Expected `number`, got ")
    assert "a string" in text
    [constant] = found_of(tmp_path, {"total": "all"})
    assert constant.startswith("Expected `number`, got `what is sent there` (")
