"""Callables and node classes under other names of their options, and with some of them frozen."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from nanotyped.errors import nearest_hint
from nanotyped.node import NanoNode, options_of

Result = TypeVar("Result")
N = TypeVar("N", bound=NanoNode[Any, Any])
_KEYWORDS = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def kwarg_remapper(f: Callable[..., Result], /, **outer_names: str) -> Callable[..., Result]:
    """Return ``f`` under other names of its keywords: ``kwarg_remapper(f, inner="outer")``.

    Keywords that are not named pass as they are; positional arguments pass too.

    Args:
        f: The callable.
        outer_names: Its own names of keywords, with the names that they are to have.

    Raises:
        TypeError: If ``f`` has no such keyword, or two would have one name; and, in a call, at an unknown keyword.
    """
    parameters = list(inspect.signature(f).parameters.values())
    known = [parameter.name for parameter in parameters if parameter.kind in _KEYWORDS]
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    name = getattr(f, "__name__", repr(f))
    inner_names = _inverted(outer_names, known, name, takes_any=takes_any)

    @functools.wraps(f)
    def remapped(*args: Any, **kwargs: Any) -> Result:
        for given in kwargs:
            if given in inner_names:
                continue
            if given in outer_names or not (given in known or takes_any):
                outer = [outer_names.get(one, one) for one in known]
                raise TypeError(f"{name}() has no keyword `{given}`{_hinted(given, outer)}")
        return f(*args, **{inner_names.get(given, given): value for given, value in kwargs.items()})

    remapped.__dict__.pop("__wrapped__", None)  # the signature is another
    return remapped


def template_class(
    name: str, parent: type[N], remapping: Mapping[str, str] | None, frozen: Mapping[str, Any] | None
) -> type[N]:
    """Return a subclass of a node class with some options under other names, and some frozen.

    Args:
        name: Name of the new class.
        parent: The class; it is not changed.
        remapping: Its own names of options, with the names that they are to have; ``None`` for none.
        frozen: The options that can no longer be given, with their values; ``None`` for none.

    Raises:
        TypeError: If ``parent`` has no such option, two would have one name, or one is frozen under another name; and,
            when a node is made, at an option that is unknown or frozen.
    """
    remapping, frozen = dict(remapping or {}), dict(frozen or {})
    known = options_of(parent)
    inner_names = _inverted(remapping, known, parent.__name__, takes_any=False)
    for option in frozen:
        if option not in known:
            raise TypeError(f"{parent.__name__} has no option `{option}` to freeze{_hinted(option, known)}")
        if option in remapping:
            raise TypeError(f"the option `{option}` of {parent.__name__} is both renamed and frozen")
    outer = {remapping.get(one, one): found for one, found in known.items() if one not in frozen}

    def construct(self: N, *args: Any, **options: Any) -> None:
        for given in options:
            if given in frozen and given not in inner_names:
                raise TypeError(f"{name} has frozen the option `{given}`")
            if given not in outer:
                raise TypeError(f"{name} has no option `{given}`{_hinted(given, outer)}")
        own = {inner_names.get(given, given): value for given, value in options.items()}
        parent.__init__(self, *args, **frozen, **own)

    first = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = [found.replace(name=one, kind=inspect.Parameter.KEYWORD_ONLY) for one, found in outer.items()]
    construct.__name__ = "__init__"
    construct.__signature__ = inspect.Signature([first, *parameters])  # type: ignore[attr-defined]  # inspect reads it
    construct.option_origins = {one: (parent, inner_names.get(one, one)) for one in outer}  # type: ignore[attr-defined]  # whoever reads annotations looks there
    return type(name, (parent,), {"__init__": construct, "__doc__": parent.__doc__, "__module__": parent.__module__})


def _inverted(
    outer_names: Mapping[str, str], known: Mapping[str, object] | list[str], what: str, *, takes_any: bool
) -> dict[str, str]:
    """Return the inner names by their outer ones."""
    found: dict[str, str] = {}
    for inner, outer in outer_names.items():
        if inner not in known and not takes_any:
            raise TypeError(f"{what} has no keyword `{inner}` to rename{_hinted(inner, known)}")
        if outer in found or (outer in known and outer not in outer_names):
            raise TypeError(f"two keywords of {what} would be called `{outer}`")
        found[outer] = inner
    return found


def _hinted(wrong: str, known: Mapping[str, object] | list[str]) -> str:
    hint = nearest_hint(wrong, list(known))
    return f"; {hint}" if hint else ""
