"""What of a clip is done, and with what: ``video/stages.json``. Two equal keys give equal files."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deglare.data.files import read_json, write_json
from deglare.data.run_folder import same_json
from deglare.errors import DataError
from deglare.fusion.staging import Key


@dataclass(frozen=True)
class Ledger:
    """Stages of one clip on disk, each a file or a folder of them."""

    path: Path

    def is_current(self, key: Key, *outputs: Path) -> bool:
        """Whether a stage was finished with this key, and what it wrote is still there."""
        return self._has(key, is_finished=True) and all(output.exists() for output in outputs)

    def begin(self, key: Key, *outputs: Path) -> None:
        """A stage is under way. Its outputs stay if they are of the same making, else they are removed first."""
        if not self._has(key):
            self._write(key.stage, None)
            for output in outputs:
                remove(output)
        self._write(key.stage, {"settings": dict(key.settings), "inputs": key.inputs, "is_finished": False})

    def finish(self, key: Key) -> None:
        """A stage is finished."""
        self._write(key.stage, {"settings": dict(key.settings), "inputs": key.inputs, "is_finished": True})

    def forget(self, stage: str) -> None:
        """A stage must be done again."""
        self._write(stage, None)

    def _has(self, key: Key, is_finished: bool = False) -> bool:
        found = self._read().get(key.stage)
        if found is None or (is_finished and not found["is_finished"]):
            return False
        return found["inputs"] == key.inputs and same_json(found["settings"], dict(key.settings))

    def _read(self) -> Mapping[str, Any]:
        if not self.path.is_file():
            return {}
        found = read_json(self.path)
        if not isinstance(found, dict):
            raise DataError(f"{self.path} is damaged: remove the folder it is in and start again")
        return found

    def _write(self, stage: str, value: Mapping[str, Any] | None) -> None:
        others = {name: one for name, one in self._read().items() if name != stage}
        write_json(self.path, others if value is None else {**others, stage: value})


def remove(path: Path) -> None:
    """A file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
