"""``RowSender``: rows to a service, in parcels that are halved, sent again or rejected as it answers."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from nanotyped.channel import ChannelCancelled
from nanotyped.errors import DeliveryError, RowError, RowRefusedError, shown
from nanotyped.nodes.http.client import ExchangeFailed, backoff_s
from nanotyped.nodes.http.node import HttpNode
from nanotyped.nodes.http.parcels import Parcel
from nanotyped.nodes.http.records import read_answer

if TYPE_CHECKING:
    from nanotyped.message import Batch
    from nanotyped.nodes.http.bodies import BodyMaker
    from nanotyped.nodes.http.client import Answer
    from nanotyped.nodes.http.idempotency import IdempotencyKey, KeyMaker
    from nanotyped.nodes.http.items import ItemResults
    from nanotyped.nodes.http.responses import ResponseReader
    from nanotyped.nodes.http.url_template import Filler
    from nanotyped.row import Row

logger = logging.getLogger("nanotyped.nodes.http")


class RowSender(HttpNode[object, Any]):
    """Sends batches of rows. Who inherits says where to, as what, and what is made of the answers."""

    method: str
    items: ItemResults | None
    idempotency_key: IdempotencyKey | None
    _max_body_bytes: int | None
    _bodies: BodyMaker
    _response: ResponseReader | None

    def __init__(self, **kwargs: Any) -> None:
        self._fillers: dict[type[Row], Filler] = {}
        self._keys: KeyMaker | None = None
        self._told_of_list = False
        self._most_rows = sys.maxsize  # that the service is known to take at once
        super().__init__(**kwargs)

    def process_batch(self, batch: Batch[Row]) -> Sequence[Row]:
        """Send the rows: one request for each run of rows with one URL; and return what goes on.

        Raises:
            RowError: If a row cannot be sent or is refused, and ends the run; the rows before it have been sent.
            DeliveryError: If the service does not take them.
        """
        given: list[Row] = []
        for parcel in self._parcels(batch):
            waiting = [parcel]
            while waiting:
                waiting += reversed(self._deliver(waiting.pop(), given))
        return given

    def _parcels(self, batch: Batch[Row]) -> Iterator[Parcel]:
        """Yield the runs of rows that have one class and one URL; what has none is rejected."""
        first = self.first_row_number
        numbers = range(first, first + len(batch))
        if batch.row_class is not None and not self._url.columns:
            yield from Parcel(self._fill(batch.rows[0]), batch.rows, numbers).parts(self.batch_rows)
            return
        whole = Parcel("", batch.rows, numbers)
        start, now = 0, ("", type(batch.rows[0]))
        for index, row in enumerate(batch.rows):
            try:
                here = (self._fill(row), type(row))
            except RowError as error:
                if index > start:
                    yield from whole.part(start, index)._replace(url=now[0]).parts(self.batch_rows)
                start = index + 1
                number = first + index
                self._refuse(row, RowError(f"row {number}: {error}", row=number, column=error.column))
                continue
            if here != now:
                if index > start:
                    yield from whole.part(start, index)._replace(url=now[0]).parts(self.batch_rows)
                start, now = index, here
        if start < len(batch.rows):
            yield from whole.part(start, len(batch.rows))._replace(url=now[0]).parts(self.batch_rows)

    def _fill(self, row: Row) -> str:
        fill = self._fillers.get(type(row))
        if fill is None:
            fill = self._fillers[type(row)] = self._url.filler(type(row))
        return fill(row)

    def _refuse(self, row: Row, error: RowError) -> None:
        error.row_text = shown(row)
        self.reject(row, error)

    def _deliver(self, parcel: Parcel, given: list[Row]) -> list[Parcel]:
        """Send rows, add what goes on to ``given``, and return what of them is to be sent yet."""
        if len(parcel.rows) > self._most_rows:
            return parcel.parts(self._most_rows)
        try:
            keys = self._keys.of_rows(parcel.rows, parcel.numbers[0]) if self._keys is not None else []
            body = self._bodies.body(parcel.rows, parcel.numbers[0], keys)
        except RowError as error:
            return self._around(parcel, error)
        longest = self._max_body_bytes
        if body is not None and longest is not None and len(body) > longest:
            return self._in_parts(parcel, len(body), longest)
        headers = self._key_header(keys)
        packed = self._bodies.packed(body)
        try:
            answer = self._exchange(self.method, parcel.url, packed, headers, rows=len(parcel.rows))
        except ExchangeFailed as failed:
            return self._halves(parcel, failed)
        return self._taken(parcel, answer, given)

    def _key_header(self, keys: Sequence[str]) -> dict[str, str]:
        if self._keys is None or self.idempotency_key is None or self.idempotency_key.header is None:
            return {}
        return {self.idempotency_key.header: self._keys.of_request(keys)}

    def _around(self, parcel: Parcel, error: RowError) -> list[Parcel]:
        """Return the rows before and behind one that cannot be sent; that one is rejected once those before are sent.

        So it is given again alone, and rejected then.
        """
        place = 0 if error.row is None else error.row - parcel.numbers[0]
        if len(parcel.rows) == 1:
            self._refuse(parcel.rows[0], error)
            return []
        parts = [parcel.part(0, place), parcel.part(place, place + 1), parcel.part(place + 1, len(parcel.rows))]
        return [part for part in parts if part.rows]

    def _in_parts(self, parcel: Parcel, found: int, longest: int) -> list[Parcel]:
        if len(parcel.rows) > 1:
            return parcel.parts(max(1, min(len(parcel.rows) // 2, len(parcel.rows) * longest // found)))
        number = parcel.numbers[0]
        reason = f"row {number}: its body has {found:,} bytes, and max_body_bytes is {longest:,}"
        self._refuse(parcel.rows[0], RowError(reason, row=number))
        return []

    def _halves(self, parcel: Parcel, failed: ExchangeFailed) -> list[Parcel]:
        """Return the halves of what a service does not take, where it may take a part of it."""
        if failed.action not in ("reject", "split"):
            raise DeliveryError(
                f"{self._url.display} did not take {parcel}, {failed}",
                status=failed.status,
                attempts=failed.attempts,
                rows=(parcel.numbers[0], parcel.numbers[-1]),
            ) from None
        if len(parcel.rows) > 1:
            half = (len(parcel.rows) + 1) // 2
            if failed.action == "split" and half < self._most_rows:
                self._most_rows = half
                text = "%s: %s are too much at once (%s); from now on no more than %d at once"
                logger.warning(text, self._url.display, parcel, failed, half)
            return parcel.parts(half)
        self._refuse_item(parcel, 0, str(failed), failed.status)
        return []

    def _refuse_item(self, parcel: Parcel, place: int, reason: str, status: int | None) -> None:
        number = parcel.numbers[place]
        text = f"row {number}: {self._url.display} refused it, {reason}"
        self._refuse(parcel.rows[place], RowRefusedError(text, row=number, status=status))

    # -- what is answered ----------------------------------------------------------------

    def _taken(self, parcel: Parcel, answer: Answer, given: list[Row]) -> list[Parcel]:
        """Take an answer, and return the rows that it asks for once more."""
        if answer.is_ignored:
            self._count_ignored(len(parcel.rows))
            return []
        if self.items is not None:
            return self._sort_out(parcel, answer, self.items, given)
        if self._response is not None:
            try:
                document = read_answer(answer.body, self._url.display, json=True)
                given.append(self._response.read(parcel.rows[0], document))
            except RowError as error:
                self._answered_wrongly(parcel, error)
        return []

    def _answered_wrongly(self, parcel: Parcel, error: Exception) -> None:
        """Reject the row of which the answer cannot be read; of many rows none is the one."""
        if len(parcel.rows) > 1:
            numbers = (parcel.numbers[0], parcel.numbers[-1])
            raise DeliveryError(f"{parcel} were taken, but {error}", rows=numbers) from None
        number = parcel.numbers[0]
        self._refuse(parcel.rows[0], RowError(f"row {number} was taken, but {error}", row=number))

    def _sort_out(self, parcel: Parcel, answer: Answer, items: ItemResults, given: list[Row]) -> list[Parcel]:
        """Take what an answer says of each row."""
        try:
            document = read_answer(answer.body, self._url.display, json=True)
            results = items.read(document, len(parcel.rows), lambda: items.keys_of(parcel.rows))
            self._look_for_list(document, items)
        except (RowError, ValueError) as error:
            numbers = (parcel.numbers[0], parcel.numbers[-1])
            text = f"{self._url.display} answered {answer.status} to {parcel}, but does not say what became of them"
            raise DeliveryError(f"{text}: {error}", status=answer.status, rows=numbers) from None
        again: list[int] = []
        attempts = f"after {parcel.attempt + 1} attempt{'' if parcel.attempt == 0 else 's'}"
        for place, result in enumerate(results):
            if result.action == "success":
                self._go_on_with_item(parcel, place, result.item, given)
            elif result.action == "retry" and self._may_try_again(parcel):
                again.append(place)
            else:
                self._refuse_item(parcel, place, f"{attempts}: {result.reason}", answer.status)
        return self._wait_to_send(parcel, again, results[again[0]].reason) if again else []

    def _look_for_list(self, document: Any, items: ItemResults) -> None:
        """Tell once of an answer without the list of errors: to some services that is none, and it hides a typo."""
        if self._told_of_list or not items.leaves_out_list(document):
            return
        self._told_of_list = True
        members = ", ".join(f"`{name}`" for name in document) if isinstance(document, dict) else ""
        text = "%s: the answer has nothing at `items`, %s, which is taken for no errors; it has %s"
        told = (self._url.display, items.path, members or "no members")
        logger.warning(text, *told)

    def _may_try_again(self, parcel: Parcel) -> bool:
        is_in_time = parcel.ends_at == 0 or time.monotonic() < parcel.ends_at
        return parcel.attempt + 1 < self._policy.max_attempts and is_in_time

    def _wait_to_send(self, parcel: Parcel, places: Sequence[int], reason: str) -> list[Parcel]:
        """Wait, and return some rows of a parcel, to be sent again."""
        wait_s = backoff_s(parcel.attempt + 1)
        text = "%s: attempt %d: %d of %d rows were not taken (%s); they are sent again in %.1f s"
        told = (self._url.display, parcel.attempt + 1, len(places), len(parcel.rows), reason, wait_s)
        logger.warning(text, *told)
        self._count_retried(len(places))
        if not self._pause(wait_s):
            raise ChannelCancelled
        ends_at = parcel.ends_at or time.monotonic() + self._policy.deadline_s
        rows, numbers = [parcel.rows[at] for at in places], [parcel.numbers[at] for at in places]
        return [Parcel(parcel.url, rows, numbers, parcel.attempt + 1, ends_at)]

    def _go_on_with_item(self, parcel: Parcel, place: int, item: Any, given: list[Row]) -> None:
        if self._response is None:
            return
        try:
            given.append(self._response.read(parcel.rows[place], item))
        except RowError as error:
            number = parcel.numbers[place]
            self._refuse(parcel.rows[place], RowError(f"row {number} was taken, but {error}", row=number))
