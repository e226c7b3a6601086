"""What an answer says of each row of a request: the option ``items`` of ``HttpPostRequest``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from nanotyped.errors import NodeOptionError, shown
from nanotyped.row.keypaths import MISSING, Keypath, Step, reach
from nanotyped.row.rows import row_info
from nanotyped.types.text import render_text

if TYPE_CHECKING:
    from nanotyped.row import Row, Schema

Path = str | Sequence[Step]
_PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


class ItemResults(BaseModel):
    """Where an answer says what became of each row of a request.

    An item belongs to the row at its place in the list; or at the position that ``index`` of the item names; or to the
    rows whose column ``column`` is what ``key`` of the item is. It has failed if its ``status`` is none of ``success``,
    or if there is something at ``error``; of a list of ``only_errors``, every item has.

    Args:
        path: The member of the answer that is the list, or list of steps to it; an empty list: the answer itself.
        only_errors: Whether the list holds failed rows alone; it may be missing then, and needs ``index`` or ``key``.
        index: Member of an item that is the position of its row in the request, from 0.
        key: Member of an item that is the value of ``column`` of its row, as text or number.
        column: The column that ``key`` is about.
        status: Member of an item that is its status, a number, a text, or true or false.
        success: Statuses of items that were taken; by default 200 to 299.
        retry: Statuses of items that are sent again; by default 408, 425, 429 and 500 to 599.
        error: Member of an item that says why it failed; where there is none, false or null, it has not.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    path: Path = Field(default=())
    only_errors: bool = False
    index: Path | None = None
    key: Path | None = None
    column: str | None = None
    status: Path | None = None
    success: Sequence[bool | int | str] | None = None
    retry: Sequence[int | str] | None = None
    error: Path | None = None

    @model_validator(mode="after")
    def _check_whole(self) -> Self:
        for name in ("path", "index", "key", "status", "error"):
            given = getattr(self, name)
            if given is not None and not (name == "path" and not given):
                Keypath(given)
        if (self.key is None) is not (self.column is None):
            raise ValueError("key and column go together: which member of an item is which column of its row")
        if self.key is not None and self.index is not None:
            raise ValueError("index and key are two ways to say whose an item is; give one")
        if self.only_errors and self.key is None and self.index is None:
            raise ValueError("only_errors needs index or key: which rows are the ones that failed?")
        if not self.only_errors and self.status is None and self.error is None:
            raise ValueError("it does not say which items failed: give status, error or only_errors")
        if self.status is None and (self.success is not None or self.retry is not None):
            raise ValueError("success and retry are about the status of an item: give status")
        return self

    def problems(self, given: Schema, label: str) -> list[NodeOptionError]:
        """Return what is wrong with it for rows of ``given``; ``label`` is the node's name."""
        if self.column is None or self.column in given:
            return []
        reason = f"node `{label}`, items: there is no column `{self.column}`"
        return [NodeOptionError(reason, node=label, hint=given.missing_column(self.column))]

    def keys_of(self, rows: Sequence[Row]) -> list[str]:
        """Return the texts of ``column`` of rows of one class; of a null it is empty."""
        assert self.column is not None  # given with `key`, without which nobody asks
        info = row_info(type(rows[0]))
        render = render_text(info.schema[self.column].type)
        values = [getattr(row, info.fields[self.column]) for row in rows]
        return ["" if value is None else render(value) for value in values]

    def leaves_out_list(self, document: Any) -> bool:
        """Whether there is no list where one of ``only_errors`` should be: no row failed, or the path is wrong."""
        path = _steps(self.path)
        return self.only_errors and bool(path) and reach(document, path) is MISSING

    def read(self, document: Any, count: int, keys: Callable[[], Sequence[str]]) -> list[ItemResult]:
        """Return what an answer says of each of so many rows, in their order.

        Args:
            document: The answer, parsed.
            count: The rows of the request.
            keys: Gives the text of the column of each.

        Raises:
            ValueError: If it does not tell that of every row, once.
        """
        path = _steps(self.path)
        found = reach(document, path) if path else document
        if self.only_errors and (found is MISSING or found is None):
            found = []
        if not isinstance(found, list):
            where = f"`{'.'.join(map(str, path))}`" if path else "the answer"
            raise ValueError(f"{where} is no list of items")  # noqa: TRY004 - as all that an answer does not tell
        results: list[ItemResult | None] = [None] * count
        for item, places in zip(found, self._places(found, count, keys), strict=True):
            for place in places:
                if results[place] is not None:
                    raise ValueError(f"two items are about row {place + 1} of the request")
                results[place] = self._result(item)
        if self.only_errors:
            return [ItemResult("success", "", None) if one is None else one for one in results]
        told = [one for one in results if one is not None]
        if len(told) < count:
            raise ValueError(f"it has an item for {len(told)} of the {count} rows, and none for the others")
        return told

    def _places(self, items: Sequence[Any], count: int, keys: Callable[[], Sequence[str]]) -> list[Sequence[int]]:
        """Return the positions of the rows that each item is about."""
        if self.index is None and self.key is None:
            if len(items) > count:
                raise ValueError(f"it has {len(items)} items for {count} rows")
            return [(place,) for place in range(len(items))]
        if self.index is not None:
            return [(_position(item, self.index, count),) for item in items]
        assert self.key is not None  # one of the two is there
        by_key: dict[str, list[int]] = {}
        for place, key in enumerate(keys()):
            by_key.setdefault(key, []).append(place)
        found: list[Sequence[int]] = []
        for item in items:
            value = reach(item, _steps(self.key))
            if value is MISSING:
                raise ValueError(f"{_lacks(item, self.key)}, which is to tell whose it is")
            if not isinstance(value, str | int) or str(value) not in by_key:
                raise ValueError(f"an item is about {shown(value)}, and no row of the request has that")
            found.append(by_key[str(value)])
        return found

    def _result(self, item: Any) -> ItemResult:
        status = MISSING if self.status is None else reach(item, _steps(self.status))
        error = MISSING if self.error is None else reach(item, _steps(self.error))
        has_error = not (error is MISSING or error is None or error is False)
        if self.status is not None and status is MISSING and not has_error and not self.only_errors:
            raise ValueError(f"{_lacks(item, self.status)}, which is to be its status")
        if not (self.only_errors or has_error or (self.status is not None and not self._is_success(status))):
            return ItemResult("success", "", item)
        reason = "" if status is MISSING else f"{status}"
        if has_error:
            reason += f"{': ' if reason else ''}{error if isinstance(error, str) else shown(error)}"
        action: Literal["retry", "reject"] = "retry" if self._may_pass(status) else "reject"
        return ItemResult(action, reason or f"{shown(item)}", item)

    def _is_success(self, status: Any) -> bool:
        if self.success is not None:
            return _is_among(status, self.success)
        number = _number(status)
        return number is not None and HTTPStatus.OK <= number < HTTPStatus.MULTIPLE_CHOICES

    def _may_pass(self, status: Any) -> bool:
        if self.retry is not None:
            return _is_among(status, self.retry)
        number = _number(status)
        return number is not None and (number in _PASSING or HTTPStatus.INTERNAL_SERVER_ERROR <= number < 600)


class ItemResult(NamedTuple):
    """What became of one row.

    Attributes:
        action: Whether it was taken, is to be sent again, or is wrong.
        reason: Why it was not taken.
        item: What the answer says of it; ``None`` where it says nothing.
    """

    action: Literal["success", "retry", "reject"]
    reason: str
    item: Any


def _steps(path: Path) -> tuple[Step, ...]:
    return (path,) if isinstance(path, str) else tuple(path)


def _lacks(item: Any, path: Path) -> str:
    return f"an item has nothing at `{'.'.join(map(str, _steps(path)))}`: {shown(item)}"


def _position(item: Any, path: Path, count: int) -> int:
    value = reach(item, _steps(path))
    if value is MISSING:
        raise ValueError(f"{_lacks(item, path)}, which is to tell whose it is")
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < count:
        raise ValueError(f"an item is about the row at {shown(value)}, and the request has {count}, from 0")
    return value


def _number(status: Any) -> int | None:
    if isinstance(status, str) and status.isascii() and status.isdecimal():
        return int(status)
    return status if isinstance(status, int) and not isinstance(status, bool) else None


def _is_among(status: Any, known: Sequence[bool | int | str]) -> bool:
    """Return whether a status is one of those; 200 and `"200"` are the same."""
    if isinstance(status, bool):
        return any(one is status for one in known)
    return isinstance(status, int | str) and str(status) in {str(one) for one in known if not isinstance(one, bool)}
