"""Worker processes: one core each, and none outlives the process that started it."""

from __future__ import annotations

import multiprocessing
import os
import threading
from multiprocessing import connection


def use_one_thread() -> None:
    """Work in pieces that fit a cache gains nothing by a second thread, and processes side by side lose by it."""
    import torch

    torch.set_num_threads(1)


def start_worker() -> None:
    """What every worker process does first."""
    end_with_parent()
    use_one_thread()


def end_with_parent() -> None:
    """End this process once its parent is gone, even if that was killed and could not say so."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()


def _end_after(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
