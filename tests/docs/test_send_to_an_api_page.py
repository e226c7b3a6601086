"""The page on sending to an API: its tables are what the node does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from nanotyped.config.yaml_reader import parse_yaml
from nanotyped.errors import NodeFailedError
from nanotyped.nodes import HttpPostRequest, ItemResults
from nanotyped.testing import HttpApi, Response
from tests.support.flows import run_batch_into

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "send-to-an-api.md").read_text(encoding="utf-8")
MEANINGS = dict(re.findall(r"^\| ((?:\d{3}(?:, )?)+(?: with [^|]+)?) \| (.*) \|$", PAGE, re.MULTILINE))
ITEMS = re.findall(r"^\| `(?P<answer>[{\[].*?)` \| `(?P<items>{.*?})` \|$", PAGE, re.MULTILINE)
WORD = re.compile(r"delivered|again|halved|rejected|ended")


class Hasty(HttpPostRequest):
    """Makes no pauses: one of half a second proves nothing."""

    def sleep(self, seconds: float) -> None:
        del seconds


def meant(status: int, url: str) -> str:
    """Return what becomes of two rows that get a status as the first answer, and success from then on."""
    with HttpApi([Response(status)]) as api:
        node = Hasty(name="post", url=api.url + url, on_error="skip")
        try:
            report = run_batch_into(node, [(1,), (1,)], {"n": "int"})["post"]
        except NodeFailedError:
            return "ended"
        sizes = [len(request.rows()) for request in api.requests]
    if report.skipped:
        return "rejected"
    return {(2,): "delivered", (2, 2): "again", (2, 1, 1): "halved"}[tuple(sizes)]


@pytest.mark.parametrize("line", MEANINGS, ids=lambda line: line.replace(" ", ""))
def test_the_table_of_answers_is_what_the_node_does(line: str) -> None:
    """Each status has the meaning that the page gives it; a row alone that is refused is rejected."""
    statuses, _, condition = line.partition(" with ")
    found = WORD.search(MEANINGS[line])
    assert found is not None
    for status in map(int, statuses.split(", ")):
        if condition:
            with HttpApi([Response(status)] * 2) as api:
                node = HttpPostRequest(name="post", url=api.url + "/{n}", on_error="skip")
                assert run_batch_into(node, [(1,), (2,)], {"n": "int"})["post"].skipped == 2
        else:
            assert (status, meant(status, "/")) == (status, found[0])


def test_the_page_has_its_tables() -> None:
    """All rows of the tables were read."""
    assert (len(MEANINGS), len(ITEMS)) == (7, 4)


@pytest.mark.parametrize(("answer", "items"), ITEMS)
def test_the_items_read_the_answers_beside_them(answer: str, items: str) -> None:
    """Of two rows the one that the answer says failed is rejected, and the other delivered."""
    options: Any = parse_yaml(items, "page").value
    with HttpApi(lambda _: Response(207, body=answer.encode())) as api:
        node = HttpPostRequest(name="post", url=api.url, items=ItemResults(**options), on_error="skip")
        report = run_batch_into(node, [(16,), (17,)], {"id": "int"})["post"]
    assert (report.processed, report.skipped) == (1, 1)
