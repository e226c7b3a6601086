"""Values -> YAML text that reads back as these values, and as nothing else."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import yaml

from nanotyped.config.scalars import parse_scalar

if TYPE_CHECKING:
    from nanotyped.config.yaml_reader import Value


# Line ends to YAML, of which PyYAML writes some as they are; a reader would make a blank or a line feed of them.
_RARE_LINE_ENDS = re.compile("[\x85\u2028\u2029]")


class _Dumper(yaml.SafeDumper):
    """Writes no aliases, and puts quotes around every text that without them would be something else."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - none is ever written
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    try:
        is_plain = parse_scalar(text) == text
    except ValueError:
        is_plain = False
    is_plain = is_plain and "${" not in text and not _RARE_LINE_ENDS.search(text)
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if is_plain else '"')


def _number(dumper: _Dumper, number: float) -> yaml.ScalarNode:
    if not math.isfinite(number):
        raise ValueError(f"{number} is a number that no file can hold")
    mantissa, exponent, power = repr(number).partition("e")
    if "." not in mantissa:  # YAML 1.1 has no numbers such as 5e-324
        mantissa += ".0"
    return dumper.represent_scalar("tag:yaml.org,2002:float", mantissa + exponent + power)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(float, _number)


def render_yaml_text(value: Value) -> str:
    """Return YAML text of a value, mappings in their order, the innermost on one line.

    Raises:
        ValueError: If it holds a number that no file can hold.
    """
    return yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=math.inf, default_flow_style=None
    )
