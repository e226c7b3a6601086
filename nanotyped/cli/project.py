"""``new``: the start of a project: a pipeline, its contract, a node of its own, and a test, all of which pass."""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from nanotyped.cli.output import CommandFailedError

if TYPE_CHECKING:
    from nanotyped.cli.arguments import Arguments

_PIPELINE = """\
# yaml-language-server: $$schema=nanotyped.schema.json
pipeline_name: $name
nodes:
  read_orders:
    class: ReadRows
    summary: All orders, typed as the contract says
    output_schema: {id: int unsigned, customer: varchar(100), total: "decimal(12,2)", note: varchar(200) null}
    options: {path: orders.csv}
  keep_noted:
    class: Filter
    options: {test: value_is_not_none, key: note}
  add_tax:
    class: AddTax
    options: {percent: 19}
  show:
    class: PrinterOfThings
    options: {prepend: ""}
paths:
  - [read_orders, keep_noted, add_tax, show]
tests:
  - name: tax is rounded to cents
    node: add_tax
    given:
      - {id: 1, total: 9.99}
    expect:
      - {id: 1, tax: 1.90}
  - name: orders without a note get no tax
    path: [read_orders, keep_noted, add_tax]
    given:
      - {id: 1, total: 20.00, note: by noon}
      - {id: 2, total: 5.50}
    expect:
      - {id: 1, tax: 3.80}
"""
_CONTRACT = '''\
"""What the nodes of $name need and give, column by column."""

from decimal import Decimal
from typing import Annotated

from nanotyped import Row, mysql_type


class Order(Row):
    """What a node needs of an order; more columns may come with it."""

    id: Annotated[int, mysql_type("int unsigned")]
    total: Annotated[Decimal, mysql_type("decimal(12,2)")]


class Taxed(Row):
    """What is added to an order."""

    tax: Annotated[Decimal, mysql_type("decimal(12,2)")]
'''
_NODES = '''\
"""The nodes of $name that the library does not have. ``--module ${module}_nodes`` makes them known to files."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from nanotyped import NanoNode, register_node

from ${module}_contract import Order, Taxed


@register_node
class AddTax(NanoNode[Order, Taxed]):
    """Adds the tax that is on a total.

    Args:
        percent: The rate.
    """

    def __init__(self, *, percent: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.percent = percent

    def process_item(self, row: Order) -> Iterator[Taxed]:
        """Yield the tax; the columns of the order are sent along with it."""
        yield Taxed(tax=(row.total * self.percent / 100).quantize(Decimal("0.01")))
'''
_TEST = '''\
"""The pipeline is right before it runs, its node computes, and the whole of it gives what it should."""

from decimal import Decimal
from pathlib import Path

import pytest
from nanotyped import load_pipeline
from nanotyped.config import check_pipeline
from nanotyped.testing import assert_rows, run_cases, run_node

from ${module}_contract import Order
from ${module}_nodes import AddTax

PIPELINE = Path(__file__).with_name("pipeline.yaml")


def test_the_pipeline_is_right() -> None:
    """Every column that a node needs is given to it."""
    assert check_pipeline(load_pipeline(PIPELINE), strict=True) == []


def test_tax_is_rounded_to_cents() -> None:
    """Half a cent goes to the even one."""
    done = run_node(AddTax(percent=19), [Order(id=1, total=Decimal("9.99"))])
    assert_rows(done.dicts, [{"id": 1, "tax": Decimal("1.90")}])


def test_the_tests_of_the_file_pass() -> None:
    """Those that `nanotyped test` runs."""
    assert [result.differences for result in run_cases(load_pipeline(PIPELINE)) if not result.passed] == []


def test_the_pipeline_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Orders with a note come out with their tax."""
    monkeypatch.chdir(PIPELINE.parent)
    report = load_pipeline(PIPELINE).anchor.run()
    assert (report["read_orders"].sent, report["show"].received) == (3, 2)
    assert "'tax': Decimal('3.80')" in capsys.readouterr().out
'''
_PYPROJECT = """\
[tool.mypy]
strict = true
plugins = ["nanotyped.mypy_plugin"]

[tool.pyright]
typeCheckingMode = "standard"
reportUnusedExpression = "none"  # `a > b` links two nodes
"""
_ORDERS = "id,customer,total,note\n1,Ada,20.00,by noon\n2,Blaise,5.50,\\N\n3,Grace,9.99,ring twice\n"
_README = """\
# $name

```console
$$ nanotyped check pipeline.yaml --module ${module}_nodes    # every column, and the code, before anything runs
$$ mypy .                                             # the code alone
$$ nanotyped test pipeline.yaml --module ${module}_nodes     # the tests that stand in it
$$ nanotyped run pipeline.yaml --module ${module}_nodes
$$ nanotyped schema --module ${module}_nodes > nanotyped.schema.json    # editors check the file with it
$$ python -m pytest
```

- `pipeline.yaml`: the nodes, and the way of the rows.
- `${module}_contract.py`: what the nodes of this project need and give.
- `${module}_nodes.py`: the nodes.
- `test_${module}.py`: what is to stay true.
- `pyproject.toml`: mypy is strict, and knows columns (`pip install mypy pytest`); `check --no-types` does without.
"""


def new_project(arguments: Arguments) -> int:
    """Write the files of a project into a new directory, and print what to do next; 0."""
    directory = Path(arguments.target)
    module = re.sub(r"\W", "_", directory.name.lower(), flags=re.ASCII)
    if not module.isidentifier() or keyword.iskeyword(module) or not module.strip("_"):
        raise CommandFailedError(f"`{directory.name}` is no name for a project: begin it with a letter", 2)
    names = {"name": directory.name, "module": module}
    templates = {
        "README.md": _README,
        "pyproject.toml": _PYPROJECT,
        "pipeline.yaml": _PIPELINE,
        "orders.csv": _ORDERS,
        f"{module}_contract.py": _CONTRACT,
        f"{module}_nodes.py": _NODES,
        f"test_{module}.py": _TEST,
    }
    texts = {file: Template(text).substitute(names) for file, text in templates.items()}
    try:
        directory.mkdir(parents=True, exist_ok=False)
        for file, text in texts.items():
            (directory / file).write_text(text, encoding="utf-8")
    except FileExistsError as error:
        reason = "is there already; a project begins in a directory of its own"
        raise CommandFailedError(f"{directory}: {reason}", 2) from error
    except OSError as error:
        raise CommandFailedError(f"cannot write {directory}: {error.strerror}", 1) from error
    print(f"cd {directory}\nnanotyped check pipeline.yaml --module {module}_nodes")
    return 0
