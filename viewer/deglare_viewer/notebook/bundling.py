"""Modules of the page as one module: a notebook has no address that a module could be imported from.

Each module becomes a function that is called once and returns what it exports, in an order in which whatever it
imports is there already. The studio's modules are written plainly enough for that; what is not understood is an error.
"""

from __future__ import annotations

import re
from pathlib import Path

IMPORT = re.compile(r"^import (?:\{(?P<names>[^}]*)\} from )?'(?P<path>\.[^']+)';\n", re.MULTILINE)
EXPORT = re.compile(r"^export (?P<what>(?:async )?function\*? |const |class )(?P<name>[\w$]+)", re.MULTILINE)
LEFT_OVER = re.compile(r"^(?:import|export)\b(?! default).*", re.MULTILINE)


def bundle(entry: Path) -> str:
    """The text of a module and of all that it imports, which keeps its default export and no other."""
    modules = _in_order(entry.resolve())
    names = {path: f"$module{number}" for number, path in enumerate(modules)}
    wrapped = [_wrapped(path, names) for path in modules[:-1]]
    return "\n".join([*wrapped, _linked(modules[-1], names)])


def _in_order(entry: Path) -> list[Path]:
    """Every module after those that it imports."""
    done: list[Path] = []
    on_the_way: list[Path] = []

    def visit(path: Path) -> None:
        if path in done:
            return
        if path in on_the_way:
            raise ValueError(f"{path.name} imports itself by way of {on_the_way[-1].name}: take the circle apart")
        on_the_way.append(path)
        for found in IMPORT.finditer(path.read_text("utf-8")):
            visit((path.parent / found["path"]).resolve())
        on_the_way.pop()
        done.append(path)

    visit(entry)
    return done


def _wrapped(path: Path, names: dict[Path, str]) -> str:
    text = _linked(path, names)
    exported = [found["name"] for found in EXPORT.finditer(text)]
    body = EXPORT.sub(r"\g<what>\g<name>", text)
    if left := LEFT_OVER.search(body):
        raise ValueError(f"{path.name} says '{left[0][:80]}', which cannot be bundled: export functions and constants")
    return f"const {names[path]} = (() => {{ // {path.name}\n{body}\nreturn {{{', '.join(exported)}}};\n}})();"


def _linked(path: Path, names: dict[Path, str]) -> str:
    """With constants in place of imports."""

    def constants(found: re.Match[str]) -> str:
        wanted = ", ".join(
            name.strip().replace(" as ", ": ") for name in (found["names"] or "").split(",") if name.strip()
        )
        return f"const {{{wanted}}} = {names[(path.parent / found['path']).resolve()]};\n" if wanted else ""

    return IMPORT.sub(constants, path.read_text("utf-8"))
