"""The forms of a file as pydantic models: which keys stand where, and of which kind their values are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nanotyped.config.explain import Subject, explain

if TYPE_CHECKING:
    from nanotyped.config.yaml_reader import Document, Path
    from nanotyped.errors import ConfigProblem

Form = TypeVar("Form", bound=BaseModel)


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class PipelineForm(_Form):
    """The whole file. Nodes and links are looked at one by one, so that one bad node hides no other mistake."""

    pipeline_name: str | None = None
    pipeline_description: str | None = None
    nodes: dict[str, Any]
    paths: list[Any] | None = None
    edges: list[Any] | None = None
    tests: list[Any] | None = None
    cluster: Any = None


class NodeForm(_Form):
    """One node: its class, and what may stand beside it."""

    class_name: str = Field(alias="class")
    summary: str | None = None
    options: dict[str, Any] | None = None
    input_schema: dict[str, Any] | None = None
    output_schema: dict[str, Any] | None = None


class EdgeForm(_Form):
    """One edge, by the names of its ends; ``max_queue_size`` is how many rows may wait on it."""

    source: str
    target: str
    max_queue_size: int | None = Field(default=None, ge=1)


class SequenceForm(_Form):
    """The whole file, where nodes are a list and name those before them."""

    pipeline_name: str | None = None
    pipeline_description: str | None = None
    node_sequence: list[Any]
    tests: list[Any] | None = None
    cluster: Any = None


class ClusterForm(_Form):
    """The cluster that ``run --engine dask`` uses; options of the command come before these."""

    scheduler: str | None = None
    workers: int | None = Field(default=None, ge=1)
    part_rows: int | None = Field(default=None, ge=1)
    security: dict[str, Any] | None = None


class SecurityForm(_Form):
    """The files, in PEM, by which a scheduler on another machine is reached."""

    tls_ca: str
    tls_cert: str
    tls_key: str


class SequenceNodeForm(_Form):
    """One node of a sequence; its options stand beside these keys."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    name: str
    class_name: str = Field(alias="class")
    summary: str | None = None
    parents: list[Any] | None = None


class CaseForm(_Form):
    """One test of a pipeline: rows that nodes are given, and what is to become of them."""

    name: str
    node: str | None = None
    path: list[Any] | None = None
    given: Any
    input_schema: dict[str, Any] | None = None
    expect: list[Any] | None = None
    rejects: list[Any] | None = None
    error: str | None = None
    any_order: bool = False


class RejectForm(_Form):
    """One row that is to be rejected; what is not said of it is not looked at."""

    node: str | None = None
    row: dict[str, Any] | None = None
    error: str | None = None


class CompositeForm(_Form):
    """The whole file, where it describes a composite."""

    name: str
    summary: str | None = None
    nodes: list[Any]
    edges: list[Any] | None = None


class PartForm(_Form):
    """One node of a composite."""

    name: str
    class_name: str = Field(alias="class")
    summary: str | None = None
    frozen_arguments: dict[str, Any] | None = None
    arg_mapping: dict[str, Any] | None = None


class PartEdgeForm(_Form):
    """One edge of a composite, by the names of its ends."""

    source: str = Field(alias="from")
    target: str = Field(alias="to")


def read_form(form: type[Form], document: Document, path: Path, problems: list[ConfigProblem]) -> Form | None:
    """Return a part of a file in its form; what does not fit is left out of it and reported.

    Args:
        form: What it is to be.
        document: The file.
        path: The part.
        problems: Takes every problem; those of parts that could not be read at all are left out.

    Returns:
        The form, of what is right; ``None`` if something is wrong that it cannot be without.
    """
    value = document.at(path)
    if path in document.unread:
        return None
    known = [field.alias or name for name, field in form.model_fields.items()]
    try:
        return form.model_validate(value)
    except ValidationError as error:
        problems += explain(error, Subject(document, value, path, known))
        wrong = {details["loc"][0] for details in error.errors() if details["loc"]}
    if not isinstance(value, dict):
        return None
    try:
        return form.model_validate({key: value[key] for key in known if key in value and key not in wrong})
    except ValidationError:
        return None
