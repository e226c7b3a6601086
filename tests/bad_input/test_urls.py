from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.program import Case, Doorbell, Workplace

if TYPE_CHECKING:
    from nanotyped.testing import HttpApi


def pipeline(url: str, column: str = "varchar(40) null") -> str:
    """Return a pipeline from a file to an API."""
    return f"""\
nodes:
  read: {{class: ReadRows, output_schema: {{v: "{column}"}}, options: {{path: in.jsonl}}}}
  post: {{class: HttpPostRequest, options: {{url: "{url}", max_attempts: 1}}}}
paths: [[read, post]]
"""


def row(value: object) -> bytes:
    """Return a file of one row."""
    return json.dumps({"v": value}).encode() + b"\n"


def refused(name: str, url: str, value: object, reason: str) -> Case:
    """Return a case of a value that fills no placeholder."""
    text = f"nanotyped: p.yaml:3:3: node `post` failed: RowError: row 1: {reason} - at row Row(v={value!r})"
    return Case(name, pipeline(url), (text,), 1, {"in.jsonl": row(value)})


HERE = "http://127.0.0.1:PORT"
CASES = [
    refused(
        "parent", f"{HERE}/{{v}}/x", "..", "the path of the url would have the segment `..`, which leads elsewhere"
    ),
    refused("itself", f"{HERE}/x/{{v}}", ".", "the path of the url would have the segment `.`, which leads elsewhere"),
    refused(
        "parent in pieces",
        f"{HERE}/.{{v}}/x",
        ".",
        "the path of the url would have the segment `..`, which leads elsewhere",
    ),
    refused(
        "parent, half of it encoded",
        f"{HERE}/%2e{{v}}/x",
        ".",
        "the path of the url would have the segment `..`, which leads elsewhere",
    ),
    refused(
        "parent in a query is data, null is none",
        f"{HERE}/x?v={{v}}",
        None,
        "column `v` is null and cannot fill the placeholder of the url",
    ),
    refused("empty", f"{HERE}/{{v}}/x", "", "column `v` is empty and cannot fill the placeholder of the url"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_value_that_leads_elsewhere_is_not_sent(case: Case, workplace: Workplace, bell: Doorbell) -> None:
    """The row is told with its value; nobody is connected to."""
    outcome = workplace.call(case, bell)
    assert outcome.problems == case.problems
    assert (outcome.status, outcome.out, outcome.made, outcome.connections) == (1, "", {}, 0)


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        ("../admin", "..%2Fadmin"),
        ("%2e%2e/", "%252e%252e%2F"),
        ("a\r\nHost: evil.test", "a%0D%0AHost%3A%20evil.test"),
        ("?admin=1", "%3Fadmin%3D1"),
        ("#", "%23"),
        ("&x=1;y", "%26x%3D1%3By"),
        ("//evil.test", "%2F%2Fevil.test"),
        ("@evil.test", "%40evil.test"),
        ("\\evil", "%5Cevil"),
        (" ", "%20"),
        ("\0", "%00"),
        ("é\u2028{v}", "%C3%A9%E2%80%A8%7Bv%7D"),
        ("${HOME}", "%24%7BHOME%7D"),
    ],
)
@pytest.mark.parametrize("url", ["/shop/{v}/bills", "/bills?v={v}"])
def test_a_value_stays_in_its_place(
    workplace: Workplace, bell: Doorbell, http_api: HttpApi, *, url: str, value: str, encoded: str
) -> None:
    """Whatever a value holds, it is one segment, or one value of the query, of a request to the host of the file."""
    data = json.dumps({"v": value}).encode() + b"\n"
    outcome = workplace.call(Case("sent", pipeline(http_api.url + url), (), 0, {"in.jsonl": data}), bell)
    assert (outcome.status, outcome.connections) == (0, 0)
    [request] = http_api.requests
    assert request.target == url.replace("{v}", encoded)
    assert request.headers.get_all("Host") == [http_api.url.removeprefix("http://")]
    assert request.json() == [{"v": value}]
