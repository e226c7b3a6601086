"""The demo: a shop in SQLite, an API that checks what it gets, a pipeline that is refused and one that runs."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from examples.demo.api import serve_orders
from examples.demo.shop import ORDERS, create_shop

HERE = Path(__file__).parent


def nanotyped(*arguments: str, **variables: str) -> int:
    """Run the command as a user would, and show how it was called."""
    print(f"\n$ nanotyped {' '.join(arguments)}", flush=True)
    command = [sys.executable, "-m", "nanotyped", *arguments]
    return subprocess.run(command, env=os.environ | variables, stderr=subprocess.STDOUT, check=False).returncode


def main() -> int:
    """Run the demo; 0 when the first pipeline was refused and everything of the second arrived."""
    with tempfile.TemporaryDirectory() as directory, serve_orders() as (api_url, taken):
        file = Path(directory, "shop.db")
        create_shop(file)
        variables = {"SHOP_URL": f"sqlite:///{file}", "API_URL": api_url}
        here = HERE.relative_to(Path.cwd()) if HERE.is_relative_to(Path.cwd()) else HERE
        print(f"A shop with {ORDERS:,} orders in SQLite, and an API at {api_url} that checks every order it gets.")

        print("\n1. A pipeline with four mistakes. It is refused, and nothing is sent.")
        refused = nanotyped("check", "--connect", str(here / "refused.yaml"), **variables)

        print("\n2. The pipeline as it should be.")
        code = nanotyped("run", str(here / "shop_to_api.yaml"), **variables)

    print(f"\nThe API took {taken.count:,} orders in {taken.requests} requests, {taken.total:,} in total. The first:")
    print(f"  {taken.first}")
    expected = ORDERS - ORDERS // 10
    if (refused, code, taken.count, len(taken.ids)) != (2, 0, expected, expected):
        print(f"The demo went wrong: {expected:,} orders should have arrived.", file=sys.stderr)
        return 1
    print("\nNext: examples/demo/shop_to_api.yaml is all there is to it; README.md shows how to write your own.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
