"""Where everything of a clip lies below its run, and whose it is.

::

    video/plan.json        the video, the settings, the plan
    video/progress.json    how far the work is (`deglare.footage.telling`)
    video/verdict.json     what is believed of the cameras, and why (`deglare.footage.verdict`)
    video/stages.json      what is done, and with what
    video/decoded.json     times of all frames that were looked at; their pictures until some are chosen
    video/chosen.json      which frames are kept
    video/frames/ color/   kept frames at the size for cameras, and at the run's
    video/depth/           what the teachers predict
    video/features/        what is recognised in each frame
    video/poses.json points.npz   cameras and points
    video/posed/           the believed part as a posed folder
    video/fit/ fit.json    a network fitted to the clip, before and after
    video/alignment.json   how far predicted depth is from the camera's points, before and after it is aligned
    results/               what to take away
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deglare.data.files import read_json, write_atomically, write_json
from deglare.data.run_folder import LOCK, RunFolder
from deglare.errors import DataError, RequestError
from deglare.footage.ledger import Ledger, remove
from deglare.footage.plan import Plan

SCHEMA = 1
VIDEO = "video"
OWN = {VIDEO, LOCK}


@dataclass(frozen=True)
class Identity:
    """Which video it is: its content, whatever it is called."""

    name: str
    sha256: str
    size_bytes: int

    @classmethod
    def of(cls, path: Path) -> Identity:
        """Read the whole file once."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return cls(path.name, digest, path.stat().st_size)


@dataclass(frozen=True)
class Workplace:
    """Files of one clip."""

    run: RunFolder

    @property
    def root(self) -> Path:
        """What the pipeline keeps for itself."""
        return self.run.root / VIDEO

    @property
    def ledger(self) -> Ledger:
        """What is done."""
        return Ledger(self.root / "stages.json")

    @property
    def results(self) -> Path:
        """What to take away."""
        return self.run.root / "results"

    def frame(self, name: str) -> Path:
        """A kept frame as cameras are found with it."""
        return self.root / "frames" / f"{name}.jpg"

    def color(self, name: str) -> Path:
        """A kept frame at the size of the run."""
        return self.root / "color" / f"{name}.jpg"

    def features(self, name: str) -> Path:
        """What is recognised in a kept frame."""
        return self.root / "features" / f"{name}.npz"

    @property
    def is_fresh(self) -> bool:
        """Whether the folder is there and nothing was begun in it."""
        root = self.run.root
        return root.is_dir() and not {path.name for path in root.iterdir()} - OWN and not self._has_plan

    @property
    def _has_plan(self) -> bool:
        return (self.root / "plan.json").is_file()

    def require_own(self, identity: Identity) -> None:
        """A `RequestError` where the folder holds a run of something else, or no run at all."""
        root = self.run.root
        if root.exists() and not root.is_dir():
            raise RequestError(f"{root} is a file: choose a folder for --out")
        found = {path.name for path in root.iterdir()} if root.is_dir() else set()
        if not found - OWN and not self._has_plan:
            return
        if not self._has_plan:
            raise RequestError(f"{root} holds something else than the run of a video: choose another folder")
        known = self._known()
        if known["sha256"] != identity.sha256:
            raise RequestError(
                f"{root} is the run of another video ({known['name']}): choose another folder, or remove it"
            )

    def write_plan(self, identity: Identity, plan: Plan, settings: dict[str, Any]) -> None:
        """Say what will be done; the settings are there for people, stages have their own."""
        file = {"name": identity.name, "sha256": identity.sha256, "bytes": identity.size_bytes}
        write_json(
            self.root / "plan.json", {"schema": SCHEMA, "file": file, "settings": settings, "plan": plan.to_json()}
        )

    def clear_run(self) -> None:
        """Remove what was made with other cameras; labels that a person painted stay."""
        for name in ("run.json", "mesh.ply", "report.json", "color", "predicted", "projected", "uncertainty"):
            remove(self.run.root / name)
        for name in ("fused", "source"):
            remove(self.run.root / name)
        remove(self.results)

    def keep_predictions(self, teachers: Sequence[str]) -> None:
        """Remove what other teachers predicted, when others were asked."""
        for folder in (self.run.root / "predicted").iterdir():
            if folder.name not in teachers:
                remove(folder)

    def _known(self) -> dict[str, Any]:
        try:
            return dict(read_json(self.root / "plan.json")["file"])  # type: ignore[index]
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{self.root / 'plan.json'} is damaged: choose another folder for --out") from error


def copy_whole(source: Path, out: Path) -> None:
    """Copy a file so that the copy is there whole or not at all."""
    with source.open("rb") as file:
        write_atomically(out, lambda written: shutil.copyfileobj(file, written))
