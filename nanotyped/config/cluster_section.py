"""``cluster`` of a pipeline file: which scheduler, how many workers, and how a scheduler elsewhere is reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nanotyped.cluster import ClusterSecurity, check_scheduler
from nanotyped.config.environment import Substitution
from nanotyped.config.models import ClusterForm, SecurityForm, read_form

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nanotyped.config.yaml_reader import Document
    from nanotyped.errors import ConfigProblem

_PLACE = ("cluster",)


@dataclass(frozen=True, slots=True)
class ClusterSection:
    """What a file says of the cluster; ``None`` where it says nothing.

    Attributes:
        scheduler: Its address.
        workers: How many workers.
        part_rows: Rows to a part, about.
        security: How it is reached on another machine.
    """

    scheduler: str | None = None
    workers: int | None = None
    part_rows: int | None = None
    security: ClusterSecurity | None = None


def read_cluster(document: Document, environment: Mapping[str, str], problems: list[ConfigProblem]) -> ClusterSection:
    """Return what a file says of the cluster; what is wrong with it is added to ``problems``."""
    root = document.value
    if not isinstance(root, dict) or root.get("cluster") is None:
        return ClusterSection()
    before = len(problems)
    form = read_form(ClusterForm, document, _PLACE, problems)
    substitution = Substitution(document, environment)
    security = None
    if form is not None and form.security is not None:
        place = (*_PLACE, "security")
        files = read_form(SecurityForm, document, place, problems)
        if files is not None:
            named = {name: str(substitution.expand(path, (*place, name))) for name, path in files}
            security = ClusterSecurity(**named)
    scheduler = None if form is None else form.scheduler
    if scheduler is not None:
        scheduler = str(substitution.expand(scheduler, (*_PLACE, "scheduler")))
    problems += substitution.problems
    if form is None or len(problems) > before:
        return ClusterSection()
    if scheduler is not None and (reason := check_scheduler(scheduler, security)):
        problems.append(document.problem(document.value_spot((*_PLACE, "scheduler")), reason))
    return ClusterSection(scheduler, form.workers, form.part_rows, security)
