"""Settings out of a TOML file, as if they had been typed before the words on the command line."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping, Set
from pathlib import Path

from deglare.data.files import read_text
from deglare.errors import RequestError

FLAG, METHOD = "--config", "method"


def words_with_config(words: list[str], flags: Mapping[str, Set[str]]) -> list[str]:
    """Replace ``--config FILE.toml`` by what the file says; words that come later overrule it.

    Args:
        words: The command line, its verb first.
        flags: Known names at the top of the file (under ""), and under ``[method]`` for each method.
    """
    if FLAG not in words:
        return words
    place = words.index(FLAG)
    if words.count(FLAG) > 1 or place + 1 == len(words):
        raise RequestError("--config names one TOML file")
    table = read_toml(Path(words[place + 1]))
    verb, rest = words[0], words[1:place] + words[place + 2 :]
    chosen = [word for word in rest if word.startswith(f"{METHOD}:")]
    rest = [word for word in rest if word not in chosen]
    own, method = _split(table)
    name = chosen[-1].removeprefix(f"{METHOD}:") if chosen else str(method.pop("name", ""))
    method.pop("name", None)
    if name not in flags or not name:
        raise RequestError(
            f"{words[place + 1]} names no method that there is: write name under [method], or method:NAME"
        )
    _require_known(own, flags[""], words[place + 1])
    _require_known(method, flags[name], f"[method] of {words[place + 1]}")
    said = [word for key, value in own.items() for word in _words(key, value)]
    said += [word for key, value in method.items() for word in _words(f"{METHOD}.{key}", value)]
    return [verb, f"{METHOD}:{name}", *said, *rest]


def read_toml(path: Path) -> dict[str, object]:
    """Read a TOML file of bounded size."""
    try:
        return tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise RequestError(f"{path} is not TOML: {error}") from error


def _split(table: dict[str, object]) -> tuple[dict[str, object], dict[str, object]]:
    method = table.get(METHOD, {})
    if not isinstance(method, dict):
        raise RequestError("method is a table: write [method] with name = ... below it")
    return {key: value for key, value in table.items() if key != METHOD}, dict(method)


def _require_known(found: Mapping[str, object], known: Set[str], where: str) -> None:
    for key in found:
        if key.replace("-", "_") not in known:
            near = difflib.get_close_matches(key, sorted(known), n=1)
            hint = f"perhaps you meant {near[0]}" if near else f"known are {', '.join(sorted(known))}"
            raise RequestError(f"{where} has no setting '{key}': {hint}")


def _words(key: str, value: object) -> list[str]:
    flag = key.replace("_", "-")
    match value:
        case bool():
            prefix, _, name = flag.rpartition(".")
            dotted = f"{prefix}." if prefix else ""
            return [f"--{dotted}{name}" if value else f"--{dotted}no-{name}"]
        case list():
            return [f"--{flag}", *(str(one) for one in value)]
        case str() | int() | float():
            return [f"--{flag}", str(value)]
    raise RequestError(f"{key} in a config file is a number, a text, true, false or a list of these, not {value!r}")
