"""What becomes of rows that a node cannot take: ``on_error``, its caps, and ``retry``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from nanotyped.errors import RetriableError, RowError, shown

OnError = Literal["fail", "skip", "dead_letter"]

# What Python raises for a value that code cannot work on. Whatever else code raises is no fault of one row.
_OF_A_ROW = (
    RowError,
    RetriableError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    AssertionError,
)


class Retry(BaseModel):
    """How often a node's own code tries a row, or a batch, again after an error that may pass.

    The pauses double, and the run's stop ends them.

    Args:
        attempts: How often at the most, the first time included.
        backoff_s: Seconds before the second attempt.
        max_backoff_s: Longest pause.
        deadline_s: Seconds for all attempts and pauses; none begins after it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    attempts: int = Field(default=3, ge=2)
    backoff_s: float = Field(default=0.5, ge=0, allow_inf_nan=False)
    max_backoff_s: float = Field(default=30.0, ge=0, allow_inf_nan=False)
    deadline_s: float = Field(default=300.0, gt=0, allow_inf_nan=False)

    def pause_s(self, attempt: int) -> float:
        """Return the pause behind an attempt, counted from 1."""
        return float(min(self.max_backoff_s, self.backoff_s * 2.0 ** min(attempt - 1, 60)))


@dataclass(frozen=True, slots=True)
class ErrorPolicy:
    """What a node does with an error of one row.

    Attributes:
        on_error: Whether the run ends, or the row is left out and counted, or it is written to ``dead_letter`` too.
        max_errors: So many rows may be rejected; ``None`` for any number.
        max_error_rate: The share of rows that may be; ``None`` for any.
        dead_letter: The file of dead letters.
        retry: What comes before all of this; ``None``: one attempt.
    """

    on_error: OnError = "fail"
    max_errors: int | None = None
    max_error_rate: float | None = None
    dead_letter: Path | None = None
    retry: Retry | None = None

    @classmethod
    def of_options(
        cls,
        on_error: OnError | None,
        max_errors: int | None,
        max_error_rate: float | None,
        dead_letter: str | Path | None,
        retry: Retry | None,
    ) -> ErrorPolicy:
        """Return the policy of a node's options.

        A file given alone means ``on_error: dead_letter``, a cap given alone ``on_error: skip``.

        Raises:
            ValueError: With everything that is wrong with them.
        """
        if retry is not None and not isinstance(retry, Retry):
            raise TypeError(f"retry must be of class Retry, not {shown(retry)}")
        capped = max_errors is not None or max_error_rate is not None
        meant: OnError = "dead_letter" if dead_letter is not None else "skip" if capped else "fail"
        policy = cls(
            on_error if on_error is not None else meant,
            max_errors,
            max_error_rate,
            None if dead_letter is None else Path(dead_letter),
            retry,
        )
        if problems := policy._problems():
            raise ValueError("; ".join(problems))
        return policy

    def _problems(self) -> list[str]:
        found = []
        if self.on_error not in get_args(OnError):
            return [f"on_error must be one of {', '.join(get_args(OnError))}, not {self.on_error!r}"]
        caps = {"max_errors": self.max_errors, "max_error_rate": self.max_error_rate}
        if self.on_error == "fail":
            found += [
                f"{name} goes with `on_error: skip` or `dead_letter`; `fail` ends the run at the first error"
                for name, value in caps.items()
                if value is not None
            ]
        if self.on_error != "dead_letter" and self.dead_letter is not None:
            found.append(f"dead_letter goes with `on_error: dead_letter`, not with `{self.on_error}`")
        if self.max_errors is not None and self.max_errors < 0:
            found.append(f"max_errors must not be below 0, not {self.max_errors}")
        if self.max_error_rate is not None and not 0 < self.max_error_rate <= 1:
            found.append(f"max_error_rate must be above 0 and at most 1, not {self.max_error_rate:g}")
        return found

    @property
    def rejects(self) -> bool:
        """Whether an error of a row leaves the run going."""
        return self.on_error != "fail"


def is_row_error(error: BaseException) -> bool:
    """Return whether what a node's code raised at a row is an error of that row.

    Credentials, outages and whatever else the next row would meet as well are not: they always end the run.
    """
    return isinstance(error, _OF_A_ROW) and not isinstance(error, OSError)
