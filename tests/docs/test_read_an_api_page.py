"""``docs/how-to/read-an-api.md``: its files run against an API such as it tells of."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nanotyped.cli import main
from nanotyped.nodes.http.paging import PaginationOption
from nanotyped.testing import HttpApi, Request, Response

if TYPE_CHECKING:
    import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "how-to" / "read-an-api.md"
BLOCK = re.compile(
    r"<!-- (?P<kind>file|run): (?P<what>[\w.-]+) -->\n```\w+\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)
ORDERS: list[dict[str, Any]] = [
    {"id": 4, "total": 12.5, "updated_at": "2024-05-06T09:30:00Z", "note": None},
    {"id": 3, "total": "9.90", "updated_at": "2024-05-06T08:15:00Z", "note": "by hand"},
    {"id": 2, "total": "free", "updated_at": "2024-05-06T08:00:00Z", "note": None},
    {"id": 1, "total": 7, "updated_at": "2024-05-06T07:08:09Z", "note": None},
]


def answer(request: Request) -> Response:
    """Answer as the API of the page does."""
    if request.path != "/orders":
        lines = [{"sku": request.path.split("/")[2] * 2, "pieces": 1}] if request.query["page"] == ["1"] else []
        return Response.of_json(lines)
    if request.headers["authorization"] != "Bearer t0ken":
        return Response(401)
    since = request.query.get("updated_since", [""])[0]
    wanted = [order for order in ORDERS if order["updated_at"] >= since]
    start = int(request.query.get("after", ["0"])[0])
    more = str(start + 3) if start + 3 < len(wanted) else None
    return Response.of_json({"orders": wanted[start : start + 3], "meta": {"next": more}})


def test_the_page_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first run reads all orders but the wrong one, the next asks for those of the last ten minutes."""
    monkeypatch.chdir(tmp_path)
    blocks = {what: text for _, what, text in BLOCK.findall(PAGE.read_text(encoding="utf-8"))}
    assert list(blocks) == ["orders.yaml", "console", "orders-000001.csv", "lines.yaml"]
    with HttpApi(answer) as api:
        monkeypatch.setenv("API_URL", api.url)
        monkeypatch.setenv("API_TOKEN", "t0ken")
        for name in ("orders.yaml", "lines.yaml"):
            (tmp_path / name).write_text(blocks[name])
        statuses = [main(line.partition("#")[0].split()[2:]) for line in blocks["console"].splitlines()]
        asked = [request.query.get("updated_since") for request in api.requests]
        assert main(["run", "lines.yaml"]) == 0
    assert statuses == [3, 0]
    assert asked == [None, None, ["2024-05-06T09:20:00Z"]]
    assert (tmp_path / "orders-000001.csv").read_text() == blocks["orders-000001.csv"]
    assert (tmp_path / "orders-000002.csv").read_text().splitlines()[1:] == ["4,12.50,2024-05-06T09:30:00Z,\\N"]
    [letter] = map(json.loads, (tmp_path / "wrong-orders.jsonl").read_text().splitlines())
    assert json.loads(letter["line"]["text"]) == ORDERS[2]
    assert (tmp_path / "lines.csv").read_text() == "sku,pieces\n44,1\n33,1\n11,1\n"


def test_the_page_has_every_kind_of_pages_with_its_options() -> None:
    """Each option of each type stands in its row of the table."""
    rows = dict(re.findall(r"^\| `(\w+)` (\|.*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    kinds: Any = PaginationOption
    models = {model.model_fields["type"].default: model for model in kinds.__origin__.__args__}
    assert set(rows) - {"type"} == set(models)
    for kind, model in models.items():
        options = set(model.model_fields) - {"type", "max_pages"}
        assert options <= set(re.findall(r"`(\w+)`", rows[kind])), kind
