"""A node that passes some rows on by chance: ``RandomSample``."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nanotyped.node import PassedRow, PassThrough
from nanotyped.registry import register_node

if TYPE_CHECKING:
    from nanotyped.message import Batch
    from nanotyped.row import Row


@register_node
class RandomSample(PassThrough[PassedRow, PassedRow]):
    """Passes each message on with some probability, whole and unchanged; the order is kept.

    Needs: nothing. Gives: what it gets.

    Args:
        sample: The probability: with 0 none passes, with 1 all of them.
        seed: Of the random numbers: with the same seed the same rows pass, by their place in the order.

    Raises:
        ValueError: If ``sample`` is no probability.
    """

    stateless = True

    def __init__(self, *, sample: float = 0.1, seed: int | None = None, **kwargs: Any) -> None:
        if not 0 <= sample <= 1:
            raise ValueError(f"sample must be a probability from 0 to 1, not {sample}")
        self.sample = sample
        self.seed = seed
        self._random = random.Random(seed)  # noqa: S311 - no secret hangs on it
        super().__init__(**kwargs)

    def spread_problem(self) -> str:
        """Return that with a seed each row has its number of one sequence."""
        return super().spread_problem() or ("" if self.seed is None else "its sample is drawn from one sequence")

    def setup(self) -> None:
        """Begin the random numbers anew."""
        self._random.seed(self.seed)

    def process_batch(self, batch: Batch[Row]) -> Sequence[Row]:
        """Return the rows that pass."""
        number, sample = self._random.random, self.sample
        return [row for row in batch.rows if number() < sample]
