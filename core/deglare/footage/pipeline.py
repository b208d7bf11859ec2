"""From a video to a run, stage by stage; what is done is not done again.

::

    decode -> choose frames -> predict depth -> features, pairs, cameras, scale -> verdict
        -> where cameras are believed: label (predict, mesh, project, fuse); elsewhere depth alone -> results
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from deglare.data.files import write_json
from deglare.data.posed_folder import PosedFolder
from deglare.data.run_folder import Manifest, RunFolder
from deglare.data.video import VideoLimits, probe_video
from deglare.footage.aligning import Aligned, aligned
from deglare.footage.cameras import Cameras
from deglare.footage.depth_alone import write_alone
from deglare.footage.finding import Finding
from deglare.footage.fit import Fitted, Fitting
from deglare.footage.frames import Cutting, Kept
from deglare.footage.lens import FocalStart, focal_start
from deglare.footage.plan import Plan, planned
from deglare.footage.posed import write_posed
from deglare.footage.predicting import Predicting
from deglare.footage.results import Writing
from deglare.footage.settings import VideoSettings
from deglare.footage.teachers import KeptTeacher, chosen_teachers, load_teachers
from deglare.footage.telling import STAGES, Teller, accounted
from deglare.footage.verdict import Account, account_of
from deglare.footage.workplace import Identity, Workplace
from deglare.fusion.importing import poses_of, run_camera
from deglare.fusion.labelling import Labelled, Labelling, require_teachers
from deglare.fusion.settings import LabelSettings
from deglare.fusion.staging import Announce, Key, silently
from deglare.fusion.threads import usable_threads
from deglare.networks.teachers import Runtime
from deglare.types import Sequence


@dataclass(frozen=True)
class Made:
    """A clip that was worked through."""

    run: RunFolder
    plan: Plan
    account: Account
    labelled: Labelled | None
    """None where no cameras are believed: then there is depth frame by frame, and no mesh."""
    fitted: Fitted | None
    """What became of fitting, where that was asked for."""
    aligned: Aligned | None
    """How depth was brought to the cameras; None where there are none."""
    results: tuple[str, ...]
    """Files below ``results``."""
    seconds: dict[str, float] = field(default_factory=dict)
    """By stage, of this call."""
    cpu_seconds: dict[str, float] = field(default_factory=dict)
    """The same of the processor, all threads and children together."""


@dataclass(frozen=True)
class Workers:
    """Who does the work."""

    teachers: tuple[str, ...] = ()
    """Names as `load_model` takes them; the best that is on this machine if none are given."""
    runtime: Runtime = "auto"
    device: str = "cpu"
    threads: int | None = None
    """As many as there are cores if not given."""
    limits: VideoLimits | None = None
    """What decoding may cost."""


def plan_video(file: Path | str, settings: VideoSettings | None = None, workers: Workers | None = None) -> Plan:
    """What would be done with a video, and how long it would take; nothing is written."""
    workers = workers or Workers()
    facts, choice = probe_video(Path(file), workers.limits), chosen_teachers(workers.teachers)
    return planned(facts, settings or VideoSettings(), choice.names, choice.expect, workers.threads or usable_threads())


def video(
    file: Path | str,
    out: Path | str,
    settings: VideoSettings | None = None,
    workers: Workers | None = None,
    *,
    announce: Announce = silently,
    say: Callable[[str], None] = lambda text: None,
) -> Made:
    """Write the run of a video without poses. The same call again goes on where it stopped.

    Args:
        file: The video.
        out: The run's folder; what is kept of the work lies in its ``video``, what to take away in ``results``.
        settings: What the user decides.
        workers: Who does the work.
        announce: Told of every stage, for progress bars; ``video/progress.json`` is written in any case.
        say: Told the plan before work begins, and the verdict.
    """
    settings, workers = settings or VideoSettings(), workers or Workers()
    place = Workplace(RunFolder(Path(out)))
    stages = tuple(name for name in STAGES if name != "fit" or settings.fit is not None)
    teller = Teller(place.root / "progress.json", stages, announce, is_mute=not place.is_fresh)
    with accounted(teller):
        plan = plan_video(file, settings, workers)
        identity = Identity.of(Path(file))
        place.require_own(identity)
        with place.run.held():
            teller.is_mute, teller.estimates = False, plan.seconds
            place.write_plan(identity, plan, asdict(settings))
            for line in plan.lines():
                say(line)
            made = Work(place, Path(file), identity, plan, settings, workers, teller, say).all()
            teller.end("done", made.account.headline)
            return made


@dataclass(frozen=True)
class Labels:
    """What was made of the frames."""

    labelled: Labelled | None
    base: str
    """The teacher whose depth is shown, and was mended."""
    key: Key


@dataclass
class Work:
    """One clip under way."""

    place: Workplace
    file: Path
    identity: Identity
    plan: Plan
    settings: VideoSettings
    workers: Workers
    teller: Teller
    say: Callable[[str], None]
    fitted: Fitted | None = None
    aligned: Aligned | None = None

    @property
    def threads(self) -> int:
        """How many things at a time."""
        return self.workers.threads or usable_threads()

    def all(self) -> Made:
        """Every stage."""
        chosen, kept = self.frames()
        predicting = self.predicting()
        depth = predicting.predict(chosen, kept)
        focal = focal_start(self.plan.facts, self.settings, kept.working_hw)
        finding = Finding(self.place, focal, predicting, self.threads, self.teller.stage)
        found, cameras = finding.find(chosen, depth, kept)
        account = self.judge(cameras, kept, focal, predicting)
        if account.believed:
            made = self.label(found, cameras, kept, predicting)
        else:
            made = self.alone(found, depth, kept, predicting)
        results = Writing(self.place, kept, cameras, made.base, self.teller.stage).write(found, made.key)
        return Made(
            self.place.run,
            self.plan,
            account,
            made.labelled,
            self.fitted,
            self.aligned,
            results,
            dict(self.teller.took),
            dict(self.teller.spent),
        )

    def frames(self) -> tuple[Key, Kept]:
        """Decode, and choose."""
        cutting = Cutting(
            self.place,
            self.file,
            self.identity,
            self.plan,
            self.settings.most_frames,
            self.settings.spacing,
            self.settings.labels.longest_side,
            self.threads,
            self.teller.stage,
            self.workers.limits,
        )
        return cutting.choose(cutting.decode())

    def predicting(self) -> Predicting:
        """The teachers, with what they have predicted already."""
        loaded = load_teachers(self.plan.teachers, self.workers.runtime, self.workers.device)
        require_teachers(loaded, self.settings.labels.base)
        kept = tuple(KeptTeacher(teacher, self.place.root / "depth") for teacher in loaded)
        return Predicting(self.place, kept, self.threads, self.teller.stage)

    def judge(self, cameras: Cameras, kept: Kept, focal: FocalStart, predicting: Predicting) -> Account:
        """Say what is believed, in a file and to whoever listens."""
        names = [teacher.name for teacher in predicting.teachers]
        account = account_of(cameras, kept, self.plan, focal, names)
        write_json(self.place.root / "verdict.json", account.to_json())
        for line in account.lines():
            self.say(line)
        return account

    def label(self, found: Key, cameras: Cameras, kept: Kept, predicting: Predicting) -> Labels:
        """The label pipeline on the believed part, and depth alone for the rest."""
        posed, sequence = write_posed(self.place, found, cameras, kept, self.identity.name)
        self._clear_other_run(sequence)
        predicting, labels = self._fitted(posed, predicting)
        camera, folder = sequence[0].camera, PosedFolder(self.place.root / "posed")
        self.aligned = aligned(folder, cameras, camera, predicting.teachers, self.teller.stage)
        write_json(self.place.root / "alignment.json", self.aligned.to_json())
        self.say(self.aligned.line())
        teachers = self.aligned.teachers
        done = Labelling(self.place.run, sequence, teachers, labels, self.threads, self.teller.stage).all()
        self.place.keep_predictions([teacher.name for teacher in teachers])
        believed = set(cameras.believed(kept))
        write_alone(self.place, predicting, [name for name in kept.names if name not in believed])
        fused = self.place.run.manifest().stages["fuse"]
        return Labels(done, labels.base or predicting.teachers[0].name, Key("label", fused.settings, fused.inputs))

    def _fitted(self, posed: Key, predicting: Predicting) -> tuple[Predicting, LabelSettings]:
        """With a teacher that is fitted to the clip, where that was asked for and made it better."""
        labels = self.settings.labels
        if self.settings.fit is None:
            return predicting, labels
        fitting = Fitting(self.place, self.settings.fit, self.workers.runtime, self.workers.device, self.teller.stage)
        self.fitted, teachers = fitting.fit(posed, predicting.teachers)
        self.say(self.fitted.line())
        names = {old.name: new.name for old, new in zip(predicting.teachers, teachers, strict=True)}
        base = None if labels.base is None else names[labels.base]
        return replace(predicting, teachers=teachers), replace(labels, base=base)

    def alone(self, found: Key, depth: Key, kept: Kept, predicting: Predicting) -> Labels:
        """Depth frame by frame, where there are no cameras."""
        if self.place.run.has_manifest:
            self.place.clear_run()
        key, root = Key.after("alone", {}, found, depth), self.place.run.root
        outputs = (root / "color", root / "predicted")
        if not self.place.ledger.is_current(key, *outputs):
            self.place.ledger.begin(key, *outputs)
            write_alone(self.place, predicting, kept.names)
            self.place.ledger.finish(key)
        return Labels(None, self.settings.labels.base or predicting.teachers[0].name, key)

    def _clear_other_run(self, sequence: Sequence) -> None:
        """Remove a run that was made with other cameras."""
        run, labels = self.place.run, self.settings.labels
        now = Manifest(sequence.name, run_camera(sequence, labels.longest_side), dict(poses_of(sequence)))
        if not run.has_manifest or not run.manifest().continues(now):
            self.place.clear_run()
