"""``python -m deglare_viewer.films.attended VERB ...``: ``deglare VERB ...``, for as long as somebody waits for it.

Standard input is a pipe from whoever started it. When that ends, by intent or because they died, the work is stopped
as Ctrl-C stops it, so that nothing goes on that nobody waits for.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from _thread import interrupt_main
from contextlib import suppress

NICE = 5
"""Pages that are looked at go first."""


def main() -> int:
    """Run the verb and return its exit status."""
    from deglare.cli import main as run

    if sys.platform != "win32":
        os.nice(NICE)
    threading.Thread(target=_stop_when_alone, daemon=True).start()
    return run(sys.argv[1:])


def _stop_when_alone() -> None:
    with suppress(OSError):
        while os.read(0, 1024):  # until nobody holds the other end; the file object would keep a lock at our own end
            pass
    if sys.platform == "win32":
        interrupt_main()
    else:
        os.killpg(os.getpgrp(), signal.SIGTERM)  # those whom we started too


if __name__ == "__main__":
    sys.exit(main())
