"""The words behind a command that are not its options: what each command makes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from argparse import ArgumentParser


def _explain_words(parser: ArgumentParser, words: Sequence[str], settings: dict[str, Any]) -> dict[str, Any]:
    file = settings.pop("filename")
    if file is not None:
        words = [file, *words]
    if not words:
        parser.error("the configuration file is missing: CONFIG or --filename CONFIG")
    if len(words) < 2:
        parser.error("what to explain is missing: NODE.COLUMN, or NODE for all of its columns")
    config, target, *more = words
    if more:
        parser.error(f"unexpected `{more[0]}`: one column at a time; quote a name that holds blanks")
    return {"config": config, "target": target, "words": ()}


def _discover_words(parser: ArgumentParser, words: Sequence[str], settings: dict[str, Any]) -> dict[str, Any]:
    if settings["url_env"] is None:
        if not words:
            parser.error("the database is missing: URL, FILE.sql or --url-env NAME")
        return {"url": words[0], "words": tuple(words[1:])}
    if words and ("://" in words[0] or is_sql_file(words[0])):
        parser.error(f"the database is given twice: {'URL' if '://' in words[0] else words[0]} and --url-env")
    return {"words": tuple(words)}


def _state_words(parser: ArgumentParser, words: Sequence[str], settings: dict[str, Any]) -> dict[str, Any]:
    del settings  # it has no options of its own
    if not words or words[0] != "show":
        reason = f"unknown action `{words[0]}`; there is `state show DIR`" if words else "show DIR is missing"
        parser.error(reason)
    if len(words) != 2:
        parser.error("one directory is needed: state show DIR")
    return {"words": (words[1],)}


def _contract_words(parser: ArgumentParser, words: Sequence[str], settings: dict[str, Any]) -> dict[str, Any]:
    del settings  # they change nothing here
    if not words or words[0] != "diff":
        reason = f"unknown action `{words[0]}`; there is `contract diff A B`" if words else "diff A B is missing"
        parser.error(reason)
    if len(words) != 3:
        parser.error("two contracts are needed: contract diff A B")
    return {"words": tuple(words[1:])}


def _files_words(parser: ArgumentParser, words: Sequence[str], settings: dict[str, Any]) -> dict[str, Any]:
    if not words:
        parser.error(f"the files are missing: {settings['command']} FILE...")
    return {"words": tuple(words)}


def _new_words(parser: ArgumentParser, words: Sequence[str], settings: dict[str, Any]) -> dict[str, Any]:
    del settings  # it has no options of its own
    if len(words) != 1:
        parser.error("one name is needed: new NAME")
    return {"target": words[0], "words": ()}


def _replay_words(parser: ArgumentParser, words: Sequence[str], settings: dict[str, Any]) -> dict[str, Any]:
    del settings  # it has no more to say
    if len(words) != 2:
        parser.error("a file of dead letters and a configuration file are needed: replay DEAD.jsonl CONFIG")
    return {"target": words[0], "config": words[1], "words": ()}


READ_WORDS: Mapping[str, Callable[[ArgumentParser, Sequence[str], dict[str, Any]], dict[str, Any]]] = {
    "explain": _explain_words,
    "discover": _discover_words,
    "state": _state_words,
    "contract": _contract_words,
    "replay": _replay_words,
    "lint": _files_words,
    "test": _files_words,
    "stubgen": _files_words,
    "new": _new_words,
}


def is_sql_file(text: str) -> bool:
    """Return whether what is given in the place of a URL is a file of SQL."""
    return "://" not in text and text.lower().endswith(".sql")
