"""An OpenAPI document as the contract of a sink: the option ``openapi`` of ``HttpPostRequest``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from nanotyped.errors import GraphProblem, Mismatch, NodeOptionError, WrongOptionsError, nearest_hint, shown
from nanotyped.nodes.http.json_schema_fit import Finding, SchemaFit, types_of
from nanotyped.nodes.http.openapi_document import OpenApiDocument, Operation, load_openapi
from nanotyped.nodes.http.openapi_hints import hint_of
from nanotyped.nodes.http.sent_rows import JsonSchema, object_of
from nanotyped.row.schema import BARE_VALUE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nanotyped.nodes.http.json_schema_fit import Flat
    from nanotyped.nodes.http.url_template import UrlTemplate
    from nanotyped.row import Schema

# Only what is known of the envelope is looked at then.
_ANY_ROW: JsonSchema = {}
_MEDIA: Mapping[str, tuple[str, ...]] = {
    "ndjson": ("application/x-ndjson", "application/ndjson", "application/jsonl"),
}
_JSON_MEDIA = ("application/json",)


class SentRequest(NamedTuple):
    """What a sink sends, but for its rows.

    Attributes:
        method: Of HTTP.
        url: Where to.
        envelope: What stands around the rows: ``array``, ``ndjson``, ``object``, ``single``; ``none`` for no body.
        envelope_key: The key of the rows with ``object``.
        batch_rows: How many rows there are at the most.
    """

    method: str
    url: UrlTemplate
    envelope: str
    envelope_key: str | None
    batch_rows: int

    @property
    def way(self) -> tuple[str, ...]:
        """What leads to a row in the body."""
        match self.envelope:
            case "array":
                return ("[]",)
            case "object":
                return (self.envelope_key or "", "[]")
        return ()

    def body(self, row: JsonSchema) -> JsonSchema:
        """Return the JSON Schema of the body, of that of a row."""
        rows = {"type": "array", "items": row, "minItems": 1, "maxItems": self.batch_rows}
        match self.envelope:
            case "array":
                return rows
            case "object":
                return object_of({self.envelope_key or "": rows})
        return row


class OpenApiContract:
    """What an operation of an OpenAPI document wants to be sent. Belongs to one node, and to the thread that checks it.

    The document is read once, when it is first asked for.

    Args:
        text: ``FILE#OPERATION``: the path of the document, and the ``operationId``.
        trusted: Columns whose values are left to the service to judge; their JSON types and nulls are checked still.

    Raises:
        ValueError: If ``text`` is no such text.
    """

    def __init__(self, text: str, trusted: Collection[str] = ()) -> None:
        file, _, name = text.rpartition("#")
        if not file or not name:
            raise ValueError(f"openapi is FILE#OPERATION, such as `api.yaml#createCustomer`, not {shown(text)}")
        self.text = text
        self._file = file
        self._name = name
        self._trusted = tuple(trusted)
        self._document: OpenApiDocument | None = None
        # By schema, for it may be asked about several, and about each again.
        self._unproven: dict[Schema, dict[str, dict[str, None]]] = {}

    def check_request(self, request: SentRequest, label: str) -> list[GraphProblem]:
        """Return what is wrong with the document, or with what is sent to its operation, whatever the rows are.

        Args:
            request: What is sent.
            label: Name of the node.
        """
        try:
            document = self._loaded()
            operation = document.operation(self._name)
        except WrongOptionsError as error:
            return [_wrong(label, "openapi", reason) for reason in error.problems]
        except ValueError as error:
            return [_wrong(label, "openapi", f"`{self._file}`: {error}")]
        problems: list[GraphProblem] = []
        if operation.method != request.method:
            reason = f"`{self.text}` is {operation}, and {request.method} is sent"
            problems.append(_wrong(label, "method", reason, f"method: {operation.method}"))
        path = request.url.path
        if not operation.takes_path(path):
            wanted = " or ".join(f"`{base}{operation.path}`" for base in operation.bases)
            problems.append(
                _wrong(label, "url", f"the path of `{self.text}` is {wanted}, and that of the url `{path}`")
            )
        try:
            return problems + self._check_envelope(document, operation, request, label)
        except ValueError as error:
            return [*problems, _wrong(label, "openapi", f"the body of `{self.text}`: {error}")]

    def check_rows(self, given: Schema, row: JsonSchema, request: SentRequest, label: str) -> list[GraphProblem]:
        """Return what of rows of a schema does not fit, each column by itself; nothing where the request is wrong.

        Args:
            given: The columns that come.
            row: The JSON Schema of what a row is sent as.
            request: What is sent.
            label: Name of the node.
        """
        problems: list[GraphProblem] = []
        for name in dict.fromkeys(self._trusted):
            if name not in given:
                reason = f"there is no column `{name}`"
                problems.append(_wrong(label, "openapi_trust", reason, given.missing_column(name)))
        try:
            document = self._loaded()
            wanted = self._body(document, document.operation(self._name), request)
            found = [] if wanted is None else SchemaFit(document).findings(request.body(row), wanted)
        except ValueError:
            return problems  # `check_request` says so
        way, doubts = request.way, self._unproven.setdefault(given, {})
        doubts.clear()
        of_rows = [one for one in found if one.path[: len(way)] == way]
        for path, group in groupby(_by_place(of_rows), key=lambda one: one.path[len(way) :]):
            findings = list(group)
            unproven = [one for one in findings if self._is_left(one, path)]
            for one in unproven:
                doubts.setdefault(_place(path), {})[one.reason] = None
            certain = [one for one in findings if one not in unproven]
            if certain:
                problems.append(self._mismatch(certain, path, given, label))
        return problems

    def notices(self) -> list[str]:
        """Return what could not be proven of the rows that were checked."""
        found: dict[str, dict[str, None]] = {}
        for doubts in self._unproven.values():
            for place, reasons in doubts.items():
                found.setdefault(place, {}).update(reasons)
        if not found:
            return []
        told = [f"{place} ({', '.join(reasons)})" for place, reasons in found.items()]
        return [f"types do not say whether rows fit `{self.text}` in {', '.join(told)}; the service judges each row"]

    def _loaded(self) -> OpenApiDocument:
        if self._document is None:
            self._document = load_openapi(self._file)
        return self._document

    def _is_left(self, finding: Finding, path: tuple[str, ...]) -> bool:
        return finding.kind == "unproven" or (finding.kind == "value" and path[:1] != () and path[0] in self._trusted)

    # -- the envelope ------------------------------------------------------------------

    def _check_envelope(
        self, document: OpenApiDocument, operation: Operation, request: SentRequest, label: str
    ) -> list[GraphProblem]:
        if request.envelope == "none":
            if not operation.needs_body:
                return []
            return [_wrong(label, "envelope", f"`{self.text}` needs a body, and none is sent")]
        wanted = self._body(document, operation, request)
        if wanted is None:
            kinds = " or ".join(f"`{kind}`" for kind in operation.content or ()) or "nothing"
            sent = _media(request.envelope)[0]
            reason = f"the body of `{self.text}` is {kinds}, and `{sent}` is sent"
            return [_wrong(label, "envelope", reason)]
        if self._is_no_member(wanted, request):
            lists = _list_members(document, wanted)
            hint = nearest_hint(request.envelope_key or "", lists) or (f"envelope_key: {lists[0]}" if lists else "")
            reason = f"the body of `{self.text}` has no member `{request.envelope_key}`"
            return [_wrong(label, "envelope_key", reason, hint)]
        found = SchemaFit(document).findings(request.body(_ANY_ROW), wanted)
        own = [one for one in found if len(one.path) < len(request.way) and one.kind != "unproven"]
        return [self._envelope_problem(one, wanted, document, label) for one in own]

    def _is_no_member(self, wanted: Sequence[Flat], request: SentRequest) -> bool:
        if request.envelope != "object" or "object" not in types_of(wanted):
            return False
        is_known = not any(one.keys() & {"anyOf", "oneOf"} for one in wanted)
        return is_known and request.envelope_key not in _names_of_members(wanted)

    def _envelope_problem(
        self, finding: Finding, wanted: Sequence[Flat], document: OpenApiDocument, label: str
    ) -> GraphProblem:
        """Return what is wrong around the rows; ``wanted`` is the body."""
        place = "the body" if not finding.path else f"the member `{finding.path[0]}` of the body"
        lists = _list_members(document, wanted)
        if finding.kind == "value":
            limit = next((one["maxItems"] for one in finding.wanted if "maxItems" in one), None)
            hint = "" if limit is None else f"batch_rows: {limit}"
            return _wrong(label, "batch_rows", f"{place} of `{self.text}`: {finding.reason}", hint)
        if finding.kind == "missing":
            reason = f"{place} of `{self.text}` has to be sent, and the rows alone are"
            return _wrong(label, "envelope", reason)
        if finding.kind == "unreadable":
            return _wrong(label, "openapi", f"{place} of `{self.text}`: {finding.reason}")
        types = types_of(wanted)
        hint = "envelope: array" if "array" in types else "envelope: single"
        if "object" in types and lists:
            hint = f"envelope: object, envelope_key: {lists[0]}"
        reason = f"{place} of `{self.text}` is to be {finding.expected}, and {finding.reason.removeprefix('it ')}"
        return _wrong(label, "envelope", reason, hint)

    def _body(self, document: OpenApiDocument, operation: Operation, request: SentRequest) -> list[Flat] | None:
        """Return the schema of the body in flat parts, ``None`` where it is no such body."""
        content = operation.content or {}
        kinds = [kind for kind in (*_media(request.envelope), "application/*", "*/*") if kind in content]
        if not kinds or request.envelope == "none":
            return None
        fit = SchemaFit(document)
        wanted = fit.flat(content[kinds[0]])
        if request.envelope == "ndjson" and "object" not in types_of(wanted):
            return [part for one in wanted for part in fit.flat(one.get("items", True))]
        return wanted

    # -- the rows ----------------------------------------------------------------------

    def _mismatch(self, findings: list[Finding], path: tuple[str, ...], given: Schema, label: str) -> GraphProblem:
        first, name = findings[0], path[0] if path else BARE_VALUE
        if first.kind == "unreadable":
            reason = f"what `{self.text}` says of `{_place(path)}` cannot be followed: {first.reason}"
            return _wrong(label, "openapi", reason)
        if not path and first.kind == "type":
            reason = (
                f"a row is to be {first.expected} in the body of `{self.text}`, and {first.reason.removeprefix('it ')}"
            )
            return _wrong(label, "envelope", reason, "envelope: array" if "array" in types_of(first.wanted) else "")
        actual = "nothing" if first.kind == "missing" else "a row"
        if first.kind != "missing" and name in given:
            actual = given[name].spelling()
        elif first.kind != "missing" and path:
            actual = "what is sent there"
        return Mismatch(
            first.expected,
            actual,
            reason="; ".join(dict.fromkeys(one.reason for one in findings if one.reason)),
            hint=hint_of(findings, name, given),
            edge=(label, self.text),
            column=_place(path).removeprefix("$.") if path else None,
        )


def contract_of_options(text: str | None, trusted: Collection[str] | None) -> OpenApiContract | None:
    """Return what the options ``openapi`` and ``openapi_trust`` say; ``None`` without the first.

    Raises:
        ValueError: If the first is no such text, or the second stands alone.
    """
    if text is None:
        if trusted:
            raise ValueError("openapi_trust goes with openapi, and with nothing else")
        return None
    return OpenApiContract(text, trusted or ())


def _wrong(label: str, option: str, reason: str, hint: str = "") -> NodeOptionError:
    return NodeOptionError(f"node `{label}`, `{option}`: {reason}", node=label, hint=hint)


def _media(envelope: str) -> tuple[str, ...]:
    return _MEDIA.get(envelope, _JSON_MEDIA)


def _place(path: Sequence[str]) -> str:
    return "$" + "".join("[]" if step == "[]" else f".{step}" for step in path)


def _by_place(findings: list[Finding]) -> list[Finding]:
    """Return findings in their order, those of one place together."""
    places = list(dict.fromkeys(one.path for one in findings))
    return sorted(findings, key=lambda one: places.index(one.path))


def _names_of_members(wanted: Sequence[Flat]) -> list[str]:
    return list(dict.fromkeys(name for one in wanted for name in one.get("properties", {})))


def _list_members(document: OpenApiDocument, wanted: Sequence[Flat]) -> list[str]:
    """Return the names of the members of an object that are arrays."""
    fit = SchemaFit(document)
    found = {name: types_of(fit.member(wanted, name)) for name in _names_of_members(wanted)}
    return [name for name, types in found.items() if types <= {"array", "null"} and "array" in types]
