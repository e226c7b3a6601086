"""The codes of what is wrong with a file: for people to look up, and for programs to tell findings apart."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Code(StrEnum):
    """A code; ``meaning`` says what it stands for."""

    meaning: str

    def __new__(cls, value: str, meaning: str) -> Self:
        """Make a member of its text and what it stands for."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    FILE = "NT001", "the file cannot be read"
    YAML = "NT002", "no YAML, or YAML that does not mean one thing to everybody"
    TWICE = "NT003", "given twice"
    UNKNOWN_KEY = "NT101", "a key that the form does not have"
    MISSING_KEY = "NT102", "a key that the form cannot do without"
    WRONG_VALUE = "NT103", "a value of the wrong kind"
    UNKNOWN_CLASS = "NT201", "a class that is not registered"
    UNKNOWN_OPTION = "NT202", "an option that the class does not have"
    MISSING_OPTION = "NT203", "an option that the class cannot do without"
    REFUSED = "NT204", "options that the class refuses"
    TYPE = "NT205", "text that is no column type"
    OUTER_NAME = "NT206", "an outer name that a composite cannot give to an option"
    ENVIRONMENT = "NT301", "`${NAME}` that cannot be followed"
    UNKNOWN_NODE = "NT401", "a link to a node that is not there"
    LINKS = "NT402", "a node that is linked to itself, or not to the others"
    CYCLE = "NT403", "a cycle"
    CONTRACT = "NT501", "columns that do not fit what is needed"
    OPTION_MISFIT = "NT502", "an option that does not fit the rows that it will see"
    GRAPH = "NT503", "nodes that do not make a graph that can run"
    LIVE = "NT504", "something live that cannot be looked at"
    TEST = "NT601", "a test that does not fit its pipeline"
    PYTHON = "NT701", "code of a module that mypy refuses"
