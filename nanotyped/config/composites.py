"""Composites of files and mappings -> classes: nodes made of nodes, with names of their own for options of these."""

from __future__ import annotations

import json
import keyword
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nanotyped import nodes as _built_in_nodes  # noqa: F401 - importing them registers them
from nanotyped.config.annotations import secrets_in
from nanotyped.config.codes import Code
from nanotyped.config.entries import find_class, named_places
from nanotyped.config.environment import Substitution
from nanotyped.config.explain import describe, unknown
from nanotyped.config.links import LinkReader
from nanotyped.config.models import CompositeForm, PartForm, read_form
from nanotyped.config.options import OptionChecker
from nanotyped.config.yaml_reader import Document, load_yaml
from nanotyped.errors import ConfigError
from nanotyped.nodes.composite import OWN_OPTIONS, DynamicClassMediator, Part, compose_class
from nanotyped.redaction import Redactor
from nanotyped.registry import register_node, registered_nodes

if TYPE_CHECKING:
    from nanotyped.config.annotations import NodeClass
    from nanotyped.config.yaml_reader import Path
    from nanotyped.errors import ConfigProblem

Composite = type[DynamicClassMediator[Any, Any]]


def class_factory(config: Mapping[str, Any]) -> Composite:
    """Return the class of a composite, registered under its name.

    Args:
        config: The composite as a parsed file has it: ``name``, ``nodes``, and ``edges`` where the nodes are not linked
            in the order listed. Texts are taken as they are: no ``${NAME}`` is looked up.

    Raises:
        ConfigError: With every mistake in it.
        RegistrationError: If another class bears the name.
    """
    name = config.get("name") if isinstance(config, Mapping) else None
    document = Document(f"composite `{name}`" if isinstance(name, str) else "composite", value=_plain(config))
    return _registered(document, None)


def load_composite(path: str | os.PathLike[str], environment: Mapping[str, str] | None = None) -> Composite:
    """Return the class of the composite that a file describes, registered under its name.

    Args:
        path: The file.
        environment: Where ``${NAME}`` is looked up; by default the environment of the process.

    Raises:
        ConfigError: With every mistake of the file.
        RegistrationError: If another class bears the name.
    """
    return _registered(load_yaml(os.fspath(path)), os.environ if environment is None else environment)


def get_node_dict(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the nodes of a composite by name, each with ``class``, ``frozen_arguments`` and ``remapping``.

    No node is made.

    Raises:
        ConfigError: With every mistake in the mapping, such as the name of an unknown class.
    """
    name = config.get("name") if isinstance(config, Mapping) else None
    document = Document(f"composite `{name}`", value=_plain(config))
    cls = _class_of(document, None)
    return {
        part.name: {"class": part.cls, "frozen_arguments": dict(part.frozen), "remapping": dict(part.remapping)}
        for part in cls.parts
    }


def _registered(document: Document, environment: Mapping[str, str] | None) -> Composite:
    return register_composite(_class_of(document, environment))


def register_composite(cls: Composite) -> Composite:
    """Register a composite under its name and return it; or the one that is registered, where both are the same.

    Raises:
        RegistrationError: If another class bears the name.
    """
    known = registered_nodes().get(cls.__name__)
    if isinstance(known, type) and issubclass(known, DynamicClassMediator):
        same: Composite = known
        if (same.parts, same.wiring) == (cls.parts, cls.wiring):
            return same
    return register_node(cls)


def hide_secrets(cls: NodeClass, redactor: Redactor) -> None:
    """Let a redactor learn what the parts of a composite have frozen; of any other class there is nothing to learn."""
    if not issubclass(cls, DynamicClassMediator):
        return
    redactor.hide_variables(cls.variables)
    for part in cls.parts:
        redactor.hide(secrets_in(dict(part.frozen)))
        hide_secrets(part.cls, redactor)


def _class_of(document: Document, environment: Mapping[str, str] | None) -> Composite:
    problems = list(document.problems)
    substitution = None if environment is None else Substitution(document, environment)
    reader = CompositeReader(document, substitution, problems, Redactor())
    cls = None if document.is_unread(()) else reader.read()
    if problems or cls is None:
        raise ConfigError(sorted(problems, key=lambda problem: (problem.line, problem.column)))
    return cls


def _plain(value: Any) -> Any:
    """Return a mapping of any kind, down to its values, as a file would have it."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


class CompositeReader:
    """Reads the composite of a document.

    Args:
        document: The document.
        substitution: Follows ``${NAME}``; ``None`` where texts are taken as they are.
        problems: Takes every problem.
        redactor: Learns the secrets.

    Attributes:
        places: The names of the parts, and where each stands.
    """

    def __init__(
        self,
        document: Document,
        substitution: Substitution | None,
        problems: list[ConfigProblem],
        redactor: Redactor,
    ) -> None:
        self.document = document
        self.substitution = substitution
        self.problems = problems
        self.redactor = redactor
        self.places: Mapping[str, Path] = {}

    def read(self) -> Composite | None:
        """Return the class; ``None`` where something is wrong with it, which ``problems`` holds then."""
        before = len(self.problems)
        form = read_form(CompositeForm, self.document, (), self.problems)
        if form is None:
            return None
        if not form.name.isidentifier() or keyword.iskeyword(form.name):
            self._report(("name",), f"`name`: a class cannot be called {form.name!r}")
        if not form.nodes and not self.document.is_unread(("nodes",)):
            self._report(("nodes",), "a composite has at least one node")
        self.places = named_places(self.document, "nodes", self.problems)
        parts = [self._part(name, place) for name, place in self.places.items()]
        if self.substitution is not None:
            self.problems += self.substitution.problems
            self.redactor.hide_variables(self.substitution.used)
        reader = LinkReader(self.document, self.places)
        links = reader.read_parts(form)
        self.problems += reader.problems
        if len(self.problems) > before or self.document.unread:
            return None
        made = tuple(part for part in parts if part is not None)
        wiring = tuple((link.source, link.target) for link in links)
        variables = self.substitution.used if self.substitution is not None else {}
        return compose_class(form.name, made, wiring, form.summary or "", variables)

    def _part(self, name: str, place: Path) -> Part | None:
        form = read_form(PartForm, self.document, place, self.problems)
        if form is None:
            return None
        cls = find_class(form.class_name, (*place, "class"), self.document, self.problems)
        if cls is None:
            return None
        hide_secrets(cls, self.redactor)
        mapping = form.arg_mapping or {}
        remapping = self._remapping(cls, mapping, form.frozen_arguments or {}, (*place, "arg_mapping"))
        frozen = self._frozen(cls, form, mapping, (*place, "frozen_arguments"))
        summary = {"summary": form.summary} if form.summary else {}
        written = form.frozen_arguments if self.substitution is not None else None
        return Part(name, cls, {**frozen, **summary}, remapping, written or {})

    def _frozen(self, cls: NodeClass, form: PartForm, mapping: Mapping[str, Any], place: Path) -> dict[str, Any]:
        given = form.frozen_arguments or {}
        substitution = self.substitution or Substitution(self.document, {})
        # Of Python, such as a function, which no file can hold; the constructor has to take it as it is.
        python = {option: value for option, value in given.items() if not _is_plain(value)}
        checker = OptionChecker(cls, self.document, substitution, follows=self.substitution is not None)
        plain = {option: value for option, value in given.items() if option not in python}
        checked = checker.check(plain, place, elsewhere=[*mapping, *python])
        unknown_options = [option for option in python if option not in checker.parameters]
        for option in unknown_options:
            self._report(
                (*place, option), unknown(f"option of {cls.__name__}", option, checker.parameters), Code.UNKNOWN_OPTION
            )
        self.problems += checked.problems
        self.redactor.hide(checked.secrets)
        return {**checked.values, **python}

    def _remapping(
        self, cls: NodeClass, mapping: Mapping[str, Any], frozen: Mapping[str, Any], place: Path
    ) -> dict[str, str]:
        known = OptionChecker(cls, self.document, Substitution(self.document, {})).parameters
        found: dict[str, str] = {}
        for inner, outer in mapping.items():
            here = (*place, inner)
            if inner not in known:
                self._report(here, unknown(f"option of {cls.__name__}", inner, known), Code.UNKNOWN_OPTION)
            elif inner in frozen:
                self._report(here, f"`{inner}` is frozen, and cannot have an outer name too", Code.TWICE)
            elif not isinstance(outer, str):
                self._report(here, f"expected the outer name of `{inner}`, got {describe(outer)}")
            elif not outer.isidentifier() or keyword.iskeyword(outer) or outer in OWN_OPTIONS:
                self._report(here, f"an option of a composite cannot be called `{outer}`", Code.OUTER_NAME)
            elif outer in found.values():
                self._report(here, f"two options of {cls.__name__} would be called `{outer}`", Code.OUTER_NAME)
            else:
                found[inner] = outer
        return found

    def _report(self, path: Path, reason: str, code: Code = Code.WRONG_VALUE) -> None:
        at_key = code in (Code.UNKNOWN_OPTION, Code.TWICE)
        spot = self.document.key_spot(path) if at_key else self.document.value_spot(path)
        self.problems.append(self.document.problem(spot, reason, code))


def _is_plain(value: object) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True
