"""``deglare train``: a method, a network, and sequences or rendered rooms give a trained network."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from deglare.cli import Result
from deglare.cli.configuring import words_with_config
from deglare.cli.terminal import bar, say
from deglare.data.triples import TripleRule
from deglare.errors import RequestError
from deglare.methods import METHODS, method_name
from deglare.methods.triplet import Triplet
from deglare.rooms.shooting import ShootSettings
from deglare.training.journal import NETWORK_FILE
from deglare.training.loop import Training, device_named
from deglare.training.loop import train as run_training
from deglare.training.rendering import RenderedRooms, RoomStream
from deglare.training.reporting import Validate
from deglare.training.samples import BatchSource
from deglare.training.settings import TrainSettings, Watching
from deglare.training.triples import TripleData, Wanted, load_triples

if TYPE_CHECKING:
    from deglare.losses.triplet import TripletRule
    from deglare.methods import MethodConfig
    from deglare.networks.depth_network import DepthNetwork
else:
    MethodConfig = tyro.extras.subcommand_type_from_defaults({f"{name}": config for name, config in METHODS.items()})

ROOMS = "rooms:"
"""What ``--data`` begins with where rooms are rendered instead of read."""


@dataclass(frozen=True)
class RoomFlags:
    """For --data rooms:train."""

    pool: int = 8
    """Rooms that are trained on at a time; the first step waits until so many are rendered."""
    frames_each: int = 24
    """Frames of each room, 7 cm apart."""
    turnover: int = 50
    """Steps after which the oldest room gives way to the next one."""


@tyro.conf.configure(tyro.conf.CascadeSubcommandArgs)
def train(
    method: MethodConfig,
    data: tuple[Path, ...],
    out: Path,
    training: tyro.conf.OmitArgPrefixes[TrainSettings],
    watching: tyro.conf.OmitArgPrefixes[Watching] = Watching(),  # noqa: B008
    rooms: tyro.conf.OmitArgPrefixes[RoomFlags] = RoomFlags(),
    held_out: tuple[Path, ...] = (),
    every: int = 1,
    step_cm: tuple[float, float] = (5.0, 10.0),
    turn_deg: float = 3.0,
    memory_gb: float = 4.0,
    workers: int = 0,
    device: str = "auto",
) -> Result:
    """Train a network. The same line again goes on where it stopped.

    Rooms need no data set: with --data rooms:train (or rooms:val) they are rendered on the device that trains, while it
    trains, at the size of the training. All rooms of the split come in turn, and then again along other paths.

    Settings may also stand in a TOML file, --config FILE.toml, under the names of the flags; flags overrule it.

    Args:
        method: What is trained, on which labels, with which loss.
        data: Sequences, or folders that hold some; or rooms:train or rooms:val, alone.
        out: The run's folder: checkpoints, losses, pictures and in the end network.safetensors.
        training: What decides the numbers.
        watching: How often to report, in steps; 0 is never.
        rooms: For --data rooms:train.
        held_out: Sequences with depth that are not learnt from, for validation. With method:triplet and known poses it
            also says how well the mined mask finds what they mark as reflective.
        every: Every n-th frame is a target; the papers take every 10th of a video.
        step_cm: How far the camera must have moved between frames, and may have moved, in centimetres.
        turn_deg: How far the camera may have turned, in degrees.
        memory_gb: Frames that take more than this are decoded again whenever they are needed.
        workers: Processes that prepare batches; they change nothing but the speed.
        device: auto, cpu or cuda.
    """
    rule = TripleRule(every, step_cm[0] / 100, step_cm[1] / 100, turn_deg)
    if memory_gb < 0 or workers < 0:
        raise RequestError("--memory-gb and --workers are not negative")
    _require_folders(held_out)
    _require_mining(method, training.steps)
    wanted = Wanted(
        training.size_hw,
        rule,
        method.needs_poses,
        method.needs_sources,
        method.reads,
        int(memory_gb * (1 << 30)),
        workers,
    )
    validate = validation(list(held_out), mining_rule(method)) if held_out else None
    with _opened(list(data), wanted, rooms, device_named(device)) as source:
        run = Training(training, method_name(method), method, source, out, watching, device)
        with interruptible() as stop, bar("train", "step") as progress:
            outcome = run_training(run, validate, progress, stop)
    if not outcome.is_first_process:
        raise SystemExit(0)
    for note in outcome.notes:
        say(f"left out: {note}")
    if not outcome.is_finished:
        say(f"stopped after step {outcome.step} of {training.steps}; the same line again goes on")
        raise KeyboardInterrupt
    network = out / NETWORK_FILE
    say(f"{outcome.step} steps done, {outcome.step - outcome.resumed_from} of them now: {network}")
    return {
        "steps": outcome.step,
        "resumed_from": outcome.resumed_from,
        "network": str(network),
        **_facts(source, training.steps),
    }


def prepared(words: list[str]) -> tuple[Callable[..., Result], list[str]]:
    """The verb with its methods, and the words with what a ``--config`` file says; importing this is not quick."""
    return train, words_with_config(words, flags())


def flags() -> dict[str, set[str]]:
    """Names that a config file may use: at the top, and for each method under ``[method]``."""
    own = {"data", "out", "held_out", "every", "step_cm", "turn_deg", "memory_gb", "workers", "device"}
    own |= {field.name for settings in (TrainSettings, Watching, RoomFlags) for field in fields(settings)}
    return {"": own} | {name: {field.name for field in fields(config)} for name, config in METHODS.items()}  # type: ignore[arg-type]


def validation(sources: list[Path], rule: TripletRule | None = None) -> Validate:
    """What `validated` says of a network, on the sequences of some folders; ``rule`` is what is mined."""
    from deglare.data.opening import find_sequences, open_sequence
    from deglare.evaluation.validating import validated

    sequences = [open_sequence(path) for source in sources for path in find_sequences(source)]
    if not any(sequence.has_depth for sequence in sequences):
        raise RequestError("none of the sequences of --held-out has depth to compare with")

    def validate(network: DepthNetwork) -> Mapping[str, float]:
        rows = validated(network, sequences, rule)
        say("validation: " + ", ".join(f"{name} {value:.4f}" for name, value in rows.items()))
        return rows

    return validate


def mining_rule(method: MethodConfig) -> TripletRule | None:
    """What a method mines; none where it does not, or where learned poses leave the scale of depth open."""
    return method.rule if isinstance(method, Triplet) and method.needs_poses else None


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Tells whether Ctrl-C was pressed (or SIGTERM came), so that a run can end after its step; twice ends it now."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return

    def ask(number: int, frame: Any) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _opened(data: list[Path], wanted: Wanted, rooms: RoomFlags, device: str) -> Iterator[BatchSource]:
    """What is trained on; rooms show how far they are while the first ones are rendered."""
    stream = _stream(data, wanted, rooms)
    if stream is None:
        yield _load(data, wanted)
        return
    say(f"{stream.pool} rooms of {stream.split} at a time, rendered here on {device}: {rooms.frames_each} frames each")
    with bar("render", "room") as progress:
        yield RenderedRooms(stream, device, progress)


def _stream(data: list[Path], wanted: Wanted, rooms: RoomFlags) -> RoomStream | None:
    """The rooms that ``--data`` asks for; None where it names sequences."""
    asked = [str(path) for path in data if str(path).startswith(ROOMS)]
    if not asked:
        return None
    if len(data) > 1:
        raise RequestError(f"{asked[0]} is trained on alone: write rooms with deglare rooms to mix them with sequences")
    if wanted.labels is not None:
        raise RequestError(
            f"{asked[0]} is rendered while training and has no labels: write rooms with deglare rooms, label them with "
            "deglare label, and train on both"
        )
    if wanted.workers:
        raise RequestError(f"{asked[0]} is rendered where it is trained on and takes no --workers: leave them away")
    shoot = ShootSettings(frames=rooms.frames_each, size_hw=wanted.size_hw)
    return RoomStream(shoot, asked[0].removeprefix(ROOMS), wanted.rule, rooms.pool, rooms.turnover)


def _require_mining(method: MethodConfig, steps: int) -> None:
    if isinstance(method, Triplet) and method.warm_up >= steps:
        raise RequestError(
            f"nothing would be mined: {steps} steps end within the warm-up of {method.warm_up}; give a smaller "
            "--method.warm-up, 0 for a network that knows depth already"
        )


def _require_folders(held_out: tuple[Path, ...]) -> None:
    for path in held_out:
        if str(path).startswith(ROOMS):
            split = str(path).removeprefix(ROOMS)
            raise RequestError(
                f"--held-out takes sequences on disk, not {path}: deglare rooms --split {split} --out DIR writes them"
            )


def _facts(source: BatchSource, steps: int) -> Result:
    """How much was trained on."""
    match source:
        case TripleData():
            return {"triples": len(source)}
        case RenderedRooms(stream=stream):
            return {"rooms": stream.pool_at(steps - 1).stop}
    return {}


def _load(data: list[Path], wanted: Wanted) -> TripleData:
    with bar("decode") as progress:
        source = load_triples(data, wanted, progress)
    kept = "in memory" if source.frames.kept is not None else "decoded when needed: more than --memory-gb"
    what = "triples" if source.has_sources else "samples"
    say(f"{len(source)} {what} of {len(source.frames)} frames, {kept}")
    for reason, count in source.lost.most_common():
        say(f"  {count:6d} targets without: {reason}")
    return source
