"""What an answer of a service means: rules of a pipeline first, then what its status means by the standard."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Any, Literal, Self

import msgspec
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from nanotyped.nodes.http.headers import check_header_name
from nanotyped.row.keypaths import MISSING, Keypath, Step, reach

Action = Literal["success", "ignore", "retry", "reject", "split", "fail"]
"""``success``: what was asked for is done. ``ignore``: it is not, and that is all right. ``retry``: another attempt may
be answered otherwise. ``reject``: what was sent is wrong, or one row of it. ``split``: it is too much at once.
``fail``: nothing that this run does will change the answer."""

# What another attempt may mend: RFC 9110 15.5.9, RFC 8470 5.2, RFC 6585 4; and all of 5xx.
_PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
_STATUSES = re.compile(r"([1-5])xx|([1-5]\d\d)(?:-([1-5]\d\d))?", re.IGNORECASE)

StatusOption = int | str


class ResponseRule(BaseModel):
    """Which answers are what. All that a rule names must be so; the first rule that fits an answer counts.

    Args:
        action: ``success``; ``ignore``, which is no success and no error; ``retry``; ``reject``, the rows of the
            request are wrong; ``split``, they are too many; ``fail``, which ends the run.
        status: A status such as 409, a range such as ``500-503``, or a class such as ``4xx``; or a list of these.
        header: Name of a header that the answer has.
        body: Member of the JSON of the answer, or list of steps into it, that is there.
        equals: What the header, or the member, is.
        contains: Text within it.
        message: What messages say instead of the answer's own text.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    action: Action
    status: StatusOption | Sequence[StatusOption] | None = None
    header: str | None = None
    body: str | Sequence[Step] | None = None
    equals: str | bool | int | float | None = None
    contains: str | None = Field(default=None, min_length=1)
    message: str | None = None

    @field_validator("status")
    @classmethod
    def _check_status(cls, given: Any) -> Any:
        _statuses(given)
        return given

    @field_validator("header")
    @classmethod
    def _check_header(cls, name: str | None) -> str | None:
        if name is not None:
            check_header_name(name)
        return name

    @field_validator("body")
    @classmethod
    def _check_body(cls, path: Any) -> Any:
        if path is not None:
            Keypath(path)
        return path

    @model_validator(mode="after")
    def _check_whole(self) -> Self:
        if self.status is None and self.header is None and self.body is None:
            raise ValueError("it fits every answer: give status, header or body")
        if self.header is not None and self.body is not None:
            raise ValueError("header and body are two rules")
        if self.equals is not None and self.contains is not None:
            raise ValueError("equals and contains are two rules")
        if (self.equals is not None or self.contains is not None) and self.header is None and self.body is None:
            raise ValueError("equals and contains are about a header or a body: name it")
        return self

    @cached_property
    def _fits_status(self) -> frozenset[int]:
        return _statuses(self.status)

    @cached_property
    def _path(self) -> tuple[Step, ...] | None:
        if self.body is None:
            return None
        path = Keypath(self.body if isinstance(self.body, str) else list(self.body))
        return (path.column, *path.steps)

    def fits(self, status: int, headers: Mapping[str, str], document: Callable[[], Any]) -> bool:
        """Return whether an answer is what the rule names; ``document`` gives its JSON, ``MISSING`` if it has none."""
        if self.status is not None and status not in self._fits_status:
            return False
        if self.header is not None:
            return self._is_meant(headers.get(self.header, MISSING))
        if self._path is not None:
            found = document()
            return self._is_meant(MISSING if found is MISSING else reach(found, self._path))
        return True

    def _is_meant(self, value: Any) -> bool:
        if value is MISSING:
            return False
        if self.contains is not None:
            text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
            return self.contains in text
        if self.equals is None:
            return True
        if self.header is not None and not isinstance(self.equals, bool):
            return str(value) == str(self.equals)
        return isinstance(value, bool) == isinstance(self.equals, bool) and bool(value == self.equals)


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules of a node.

    Attributes:
        given: Those of the pipeline, in order.
        rejected: The statuses that are about what was sent where no rule of the pipeline fits.
        split: The statuses by which it is too much at once.
    """

    given: Sequence[ResponseRule] = ()
    rejected: frozenset[int] = frozenset()
    split: frozenset[int] = frozenset()

    @property
    def read_bodies(self) -> bool:
        """Whether the whole of an answer is needed to judge it."""
        return any(rule.body is not None for rule in self.given)

    def judge(self, status: int, headers: Mapping[str, str], body: bytes) -> tuple[Action, str | None]:
        """Return what an answer means, and what messages say of it where a rule says that."""
        document = _Document(body)
        for rule in self.given:
            if rule.fits(status, headers, document):
                return rule.action, rule.message
        return self._by_status(status), None

    def _by_status(self, status: int) -> Action:
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return "success"
        if status in self.rejected:
            return "reject"
        if status in self.split:
            return "split"
        return "retry" if status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR else "fail"


class _Document:
    """The JSON of an answer, read when it is first asked for."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._found: Any = None
        self._is_read = False

    def __call__(self) -> Any:
        if not self._is_read:
            self._is_read = True
            try:
                self._found = msgspec.json.decode(self._body)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # a page for people: no rule fits it
                self._found = MISSING
        return self._found


def _statuses(given: StatusOption | Sequence[StatusOption] | None) -> frozenset[int]:
    found: set[int] = set()
    for one in (given,) if isinstance(given, int | str) else given or ():
        text = str(one)
        read = _STATUSES.fullmatch(text)
        if read is None:
            raise ValueError(f"`{text}` is no status; write 409, `500-503` or `4xx`")
        first = int(read[1]) * 100 if read[1] else int(read[2])
        last = first + 99 if read[1] else int(read[3] or read[2])
        if last < first:
            raise ValueError(f"`{text}` is no range: it ends before it begins")
        found.update(range(first, last + 1))
    if given is not None and not found:
        raise ValueError("status names none; leave it out for any")
    return frozenset(found)
