from __future__ import annotations

from nanotyped.types.mapping import MAPPED_TYPES
from scripts.types_page import PAGE, render_page


def test_the_page_of_types_is_what_the_code_says() -> None:
    """The page in the repository is the generated one, byte for byte; if this fails, `make docs` mends it."""
    assert PAGE.read_text(encoding="utf-8") == render_page()


def test_the_page_has_every_type_and_a_reason_for_every_refusal() -> None:
    """Each mapped type has a line, and no cell of a reason is empty."""
    lines = render_page().splitlines()
    first_cells = {line.split(" | ")[0] for line in lines}
    assert [text for text in MAPPED_TYPES if f"| `{text}`" not in first_cells] == []
    refusals = [
        line.split(" | ") for line in lines[lines.index("## Types that are refused") :] if line.startswith("| ")
    ]
    assert [cells for cells in refusals if not cells[-1].removesuffix(" |").strip()] == []
