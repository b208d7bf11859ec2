"""The command line: one command, verbs; each verb is a function in a file of its own.

Data goes to files, messages to stderr. ``--json`` prints a verb's result to stdout for machines, ``--debug`` shows the
traceback of a failure. Exit 0: done. 1: the run failed. 2: the request was wrong.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence

from deglare.errors import DeglareError

Result = dict[str, object]
"""What a verb returns: JSON-able. ``{"ok": False}`` among it makes the exit status 1, with ``wrong_request`` 2."""

DESCRIPTION = """Monocular depth on reflective surfaces: see the failure, measure it, mark it, train it away.

Data goes to files, messages to stderr. Every verb takes --json (print the result for machines) and --debug (show the
traceback of a failure). Exit status 0: done. 1: the run failed. 2: the request was wrong."""


def verbs() -> dict[str, Callable[..., Result]]:
    """Every verb by name. Importing a verb is quick; what is heavy is imported when it runs."""
    from deglare.cli.app import app
    from deglare.cli.bench import bench
    from deglare.cli.check import check
    from deglare.cli.demo import demo
    from deglare.cli.doctor import doctor
    from deglare.cli.evaluate import evaluate
    from deglare.cli.export import export
    from deglare.cli.label import label
    from deglare.cli.prepare import prepare
    from deglare.cli.rooms import rooms
    from deglare.cli.video import video

    return {
        "demo": demo,
        "app": app,
        "video": video,
        "rooms": rooms,
        "check": check,
        "prepare": prepare,
        "train": train_outline,
        "label": label,
        "doctor": doctor,
        "eval": evaluate,
        "bench": bench,
        "export": export,
    }


def train_outline() -> Result:
    """Train a network by one of the methods. The same line again goes on where it stopped."""
    raise AssertionError("the verb itself, whose methods take seconds to import, takes this one's place")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit status."""
    import tyro

    words = list(sys.argv[1:] if arguments is None else arguments)
    wants_json, wants_debug = _take(words, "--json"), _take(words, "--debug")
    if words == ["--version"]:
        from deglare import __version__

        print(f"deglare {__version__}")
        return 0
    try:
        known = verbs()
        if words[:1] == ["train"] and "train" in known:
            from deglare.cli.train import prepared

            known["train"], words = prepared(words)
        result = tyro.extras.subcommand_cli_from_dict(
            known, prog="deglare", description=DESCRIPTION, args=words or ["--help"], sort_subcommands=False
        )
        if wants_json:
            print(json.dumps(result, allow_nan=False))
    except SystemExit as error:  # tyro has shown the help, or what is wrong with the flags
        return error.code if isinstance(error.code, int) else 2
    except DeglareError as error:
        return _failed(2, str(error), wants_debug)
    except KeyboardInterrupt:
        return _failed(130, "stopped; the same line again goes on where it can", wants_debug)
    except Exception as error:
        return _failed(1, f"{type(error).__name__}: {error}. This is a bug; --debug shows where", wants_debug)
    return 0 if result.get("ok", True) else 2 if result.get("wrong_request") else 1


def _take(words: list[str], flag: str) -> bool:
    """Remove a flag that every verb understands."""
    found = flag in words
    words[:] = [word for word in words if word != flag]
    return found


def _failed(status: int, message: str, wants_debug: bool) -> int:
    if wants_debug:
        raise
    print(f"deglare: {message}", file=sys.stderr)
    return status
