"""Functions that options name, and the two that come with nodes: ``no_op`` and ``get_environment_variables``."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import Any, TypeAlias

Function: TypeAlias = Callable[..., Any]


def no_op(*args: object, **kwargs: object) -> None:
    """Do nothing."""


def get_environment_variables(*names: str) -> dict[str, str | None]:
    """Return environment variables by name, ``None`` for one that is not set."""
    return {name: os.environ.get(name) for name in names}


def named_function(given: Any) -> Any:
    """Return the function that a text names as ``resolve_function`` reads it; anything else as it is."""
    if not isinstance(given, str):
        return given
    try:
        return resolve_function(given, "a function")
    except (ValueError, TypeError):
        return given


def resolve_function(given: Function | str, option: str) -> Function:
    """Return a function that an option gives: itself, or the name ``package__module__function`` of one.

    Names come from Python alone: those in a file are looked up in the registry and arrive here as functions.

    Args:
        given: The function or its name, such as ``os__path__basename``.
        option: The option, for messages.

    Raises:
        ValueError: If nothing bears the name.
        TypeError: If what is given cannot be called.
    """
    found: object = given
    if isinstance(given, str):
        module_name, _, name = given.rpartition("__")
        if not module_name or not name:
            raise ValueError(f"{option}: a function is named package__module__function, not `{given}`")
        try:
            module = importlib.import_module(module_name.replace("__", "."))
        except ImportError as error:
            raise ValueError(f"{option}: `{given}` is in no module that can be imported: {error}") from error
        found = getattr(module, name, None)
        if found is None:
            raise ValueError(f"{option}: module `{module.__name__}` has no `{name}`")
    if not callable(found):
        raise TypeError(f"{option} takes a function or the name of one, not {given!r}")
    return found
