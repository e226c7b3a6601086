"""OpenAPI 3.0 and 3.1 documents: reading one, and an operation of it with its paths and what its body is to be.

Sources: OpenAPI Specification 3.0.3 and 3.1.0; RFC 6901 for what a ``$ref`` points at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from nanotyped.errors import WrongOptionsError, nearest_hint, shown
from nanotyped.nodes.yaml_documents import load_yaml_document

MAX_JSON_BYTES = 16 * 1024 * 1024
MAX_JSON_DEPTH = 100
MAX_REFS = 32
_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_PARAMETER = re.compile(r"\{[^{}]*\}")
_MAX_NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a document.

    Attributes:
        name: Its ``operationId``.
        method: In capitals.
        path: Its path template, as it stands in the document.
        bases: The paths of its servers, without a slash at the end; ``{variables}`` as they stand.
        content: The schema of its body, by media type in small letters; ``None`` where it has no body.
        needs_body: Whether the body has to be sent.
    """

    name: str
    method: str
    path: str
    bases: tuple[str, ...]
    content: Mapping[str, Any] | None
    needs_body: bool

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def takes_path(self, path: str) -> bool:
        """Return whether a URL's path, with ``{column}`` placeholders, is the operation's at one of its servers."""
        return any(_template_pattern(base + self.path).fullmatch(unquote(path)) for base in self.bases)


class OpenApiDocument:
    """A document that was read.

    Attributes:
        file: Its path.
        is_3_0: Whether it is of version 3.0, whose schemas have ``nullable`` and other exclusive bounds.
    """

    def __init__(self, file: str, root: Mapping[str, Any]) -> None:
        self.file = file
        self._root = root
        self.is_3_0 = str(root["openapi"]).startswith("3.0.")

    def resolve(self, reference: Any) -> Any:
        """Return what a ``$ref`` points at.

        Raises:
            ValueError: If that is another document, or is not there.
        """
        if not isinstance(reference, str):
            raise ValueError(f"a $ref is text, not {shown(reference)}")  # noqa: TRY004 - of a file, not of a call
        if not reference.startswith("#"):
            raise ValueError(f"`{reference}` leads to another document, which is not read; bundle them into one")
        if reference != "#" and not reference.startswith("#/"):
            raise ValueError(f"`{reference}` is no JSON pointer (#/…), and nothing else is followed")
        found: Any = self._root
        for step in unquote(reference).split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if isinstance(found, Mapping) and name in found:
                found = found[name]
            elif isinstance(found, list) and name.isascii() and name.isdigit() and int(name) < len(found):
                found = found[int(name)]
            else:
                hint = nearest_hint(name, list(found)) if isinstance(found, Mapping) else ""
                raise ValueError(f"`{reference}` leads to nothing" + (f"; {hint}" if hint else ""))
        return found

    def operation(self, name: str) -> Operation:
        """Return the operation of an ``operationId``.

        Raises:
            ValueError: If there is no such, or several, or it is not as OpenAPI has it.
        """
        known = list(self._operations())
        found = [entry for entry in known if entry[3].get("operationId") == name]
        if not found:
            raise ValueError(f"it has no operation `{name}`; {_known(name, known)}")
        if len(found) > 1:
            places = " and ".join(f"{method.upper()} {path}" for path, method, _, _ in found)
            raise ValueError(f"`{name}` is the operationId of {places}; it has to be of one")
        path, method, item, operation = found[0]
        servers: Any = next((one["servers"] for one in (operation, item, self._root) if one.get("servers")), [])
        bases = tuple(_base(server) for server in _list(servers, "servers")) or ("",)
        body = operation.get("requestBody")
        if body is None:
            return Operation(name, method.upper(), path, bases, None, needs_body=False)
        body = self.followed(body)
        content = {
            str(kind).split(";")[0].strip().lower(): _mapping(media, f"`{kind}` of the body").get("schema", {})
            for kind, media in _mapping(body.get("content", {}), "the content of the body").items()
        }
        return Operation(name, method.upper(), path, bases, content, needs_body=body.get("required") is True)

    def followed(self, found: Any) -> Mapping[str, Any]:
        """Return an object of the document, or what it points at in its place.

        Raises:
            ValueError: If that is no object, or the references turn in a circle.
        """
        for _ in range(MAX_REFS):
            found = _mapping(found, "what stands there")
            if "$ref" not in found:
                return found  # type: ignore[no-any-return]  # it is a mapping
            found = self.resolve(found["$ref"])
        raise ValueError(
            f"`{found['$ref']}` is one of more than {MAX_REFS} references in a row; do they go in a circle?"
        )

    def _operations(self) -> Iterator[tuple[str, str, Mapping[str, Any], Mapping[str, Any]]]:
        """Yield path, method, path item and operation of each operation."""
        for path, given in _mapping(self._root.get("paths", {}), "`paths`").items():
            item = self.followed(given)
            for method in _METHODS:
                if isinstance(item.get(method), Mapping):
                    yield path, method, item, item[method]


def load_openapi(path: str) -> OpenApiDocument:
    """Return the document that a file holds: JSON by its name, ``.json``; else YAML.

    Raises:
        WrongOptionsError: Of everything that is wrong with the file.
    """
    if path.lower().endswith(".json"):
        try:
            value = _parse_json(_read(path))
        except ValueError as error:
            raise WrongOptionsError([f"{path}: {error}"]) from None
    else:
        document = load_yaml_document(path)
        if document.problems:
            raise WrongOptionsError([str(problem) for problem in document.problems])
        value = document.value
    if not isinstance(value, Mapping):
        raise WrongOptionsError([f"{path}: no OpenAPI document, which is an object"])
    version = str(value.get("openapi", ""))
    if not version.startswith(("3.0.", "3.1.")):
        given = f"`swagger: {value['swagger']}`" if "swagger" in value else f"`openapi: {version}`"
        raise WrongOptionsError([f"{path}: {given if version or 'swagger' in value else 'no `openapi: VERSION`'};"
                                 " documents of OpenAPI 3.0 and 3.1 are read"])  # fmt: skip
    return OpenApiDocument(path, value)


def _read(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_JSON_BYTES + 1)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror or error}") from None
    if len(data) > MAX_JSON_BYTES:
        raise ValueError(f"larger than {MAX_JSON_BYTES // 1024**2} MiB, the most that is read")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"the byte {data[error.start]:#04x} at {error.start} is no UTF-8") from None


def _parse_json(text: str) -> Any:
    try:
        found = json.loads(text, parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_object)
    except RecursionError:
        raise ValueError(f"nested more than {MAX_JSON_DEPTH} deep") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"no JSON: line {error.lineno}, column {error.colno}: {error.msg}") from None
    level = [found]
    for _ in range(MAX_JSON_DEPTH):
        if not level:
            return found
        level = [
            one
            for outer in level
            if isinstance(outer, dict | list)
            for one in (outer.values() if isinstance(outer, dict) else outer)
        ]
    raise ValueError(f"nested more than {MAX_JSON_DEPTH} deep")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"`{twice}` is given twice in one object")
    return found


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text}, which JSON does not have")


def _mapping(found: Any, what: str) -> Any:
    if not isinstance(found, Mapping):
        raise ValueError(f"{what} is to be an object, not {shown(found)}")  # noqa: TRY004 - of a file, not of a call
    return found


def _list(found: Any, what: str) -> list[Any]:
    if not isinstance(found, list):
        raise ValueError(f"`{what}` is to be a list, not {shown(found)}")  # noqa: TRY004 - of a file, not of a call
    return found


def _known(name: str, known: list[tuple[str, str, Mapping[str, Any], Mapping[str, Any]]]) -> str:
    names = [str(operation["operationId"]) for _, _, _, operation in known if "operationId" in operation]
    if hint := nearest_hint(name, names):
        return hint
    if not names:
        return "no operation of it has an operationId"
    more = f" and {len(names) - _MAX_NAMES_SHOWN} more" if len(names) > _MAX_NAMES_SHOWN else ""
    return f"there are {', '.join(f'`{one}`' for one in names[:_MAX_NAMES_SHOWN])}{more}"


def _base(server: Any) -> str:
    url = _mapping(server, "a server").get("url", "")
    if not isinstance(url, str):
        raise ValueError(f"the url of a server is text, not {shown(url)}")  # noqa: TRY004 - of a file, not of a call
    # A brace may stand anywhere in it, also where a port is expected: only the path is taken.
    path = re.sub(r"^([A-Za-z][A-Za-z0-9+.{}-]*:)?//[^/?#]*", "", url)
    return urlsplit(path).path.rstrip("/")


def _template_pattern(template: str) -> re.Pattern[str]:
    """Return the pattern of the paths of a template; a parameter is a segment, or a part of one."""
    literals = map(re.escape, map(unquote, _PARAMETER.split(template)))
    return re.compile("[^/]+".join(literals))
