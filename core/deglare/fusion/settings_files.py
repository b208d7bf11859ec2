"""Settings as ``run.json`` has them, and back: what a finished run was made with can be used again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, TypeVar, get_args

from deglare.errors import DataError, RequestError
from deglare.fusion.settings import LATER, MeshSettings, Weights
from deglare.fusion.strategies import STRATEGIES, Strategy
from deglare.geometry.engines import ENGINES
from deglare.geometry.volume_settings import VolumeSettings
from deglare.networks.disparity import MetricRange

Settings = TypeVar("Settings")

KIND = "kind"
"""The key beside the settings: two kinds with equal fields are told apart."""

STRATEGY_KINDS = {type(strategy).__name__: type(strategy) for strategy in STRATEGIES.values()}
THRESHOLDS = ("alpha_m", "alpha", "share")
"""What strategies call the one number that a slider moves."""


def described(settings: Any) -> dict[str, Any]:
    """A dataclass as JSON, with the name of its class; fields that came `LATER` are left out at their defaults."""
    own = _jsonable(asdict(settings))
    for one in fields(settings):
        if one.metadata == LATER and own[one.name] == one.default:
            del own[one.name]
    return {KIND: type(settings).__name__, **own}


def strategy_from(value: object) -> Strategy:
    """The strategy that was `described`; anything else is a `DataError`."""
    named = _mapping(value, "the strategy")
    kind = STRATEGY_KINDS.get(str(named.get(KIND)))
    if kind is None:
        raise DataError(f"a strategy of kind '{str(named.get(KIND))[:40]}' is unknown here: update deglare")
    return restored(kind, named, "the strategy")


def mesh_settings_from(value: object) -> MeshSettings:
    """The mesh settings that were `described`; what stands beside them, as in a stage of a run, is left alone."""
    named = _mapping(value, "the mesh")
    volume = restored(VolumeSettings, named.get("volume"), "the volume")
    found = restored(MeshSettings, {**named, "volume": volume}, "the mesh", beside=("base",))
    if found.engine not in ENGINES or found.weights not in get_args(Weights):
        raise DataError(f"the mesh was made by '{found.engine}' with weights '{found.weights}': update deglare")
    return found


def range_from(value: object) -> MetricRange:
    """The range of depth that was written field by field."""
    return restored(MetricRange, value, "the range of depth")


def name_of(strategy: Strategy) -> str:
    """The name in `STRATEGIES` under which a strategy is known, whatever its threshold."""
    alike = {name: one for name, one in STRATEGIES.items() if type(one) is type(strategy)}
    if not alike:
        raise RequestError(f"{type(strategy).__name__} is none of {', '.join(STRATEGIES)}")
    own = asdict(strategy)  # type: ignore[call-overload]
    return min(alike, key=lambda name: sum(own[key] != value for key, value in asdict(alike[name]).items()))  # type: ignore[call-overload]


def strategy_named(name: str, alpha: float | None = None) -> Strategy:
    """A strategy by name, with its threshold where it has one; the number says nothing to one that has none."""
    if name not in STRATEGIES:
        raise RequestError(f"there is no strategy '{name[:40]}': choose {', '.join(STRATEGIES)}")
    strategy = STRATEGIES[name]
    field = threshold_of(strategy)
    return strategy if alpha is None or field is None else replace(strategy, **{field: alpha})  # type: ignore[type-var]


def threshold_of(strategy: Strategy) -> str | None:
    """Which of its fields is the threshold; None where it has none."""
    known = {field.name for field in fields(strategy)}  # type: ignore[arg-type]
    return next((name for name in THRESHOLDS if name in known), None)


def restored(kind: type[Settings], value: object, what: str, beside: tuple[str, ...] = ()) -> Settings:
    """A dataclass of settings from its fields; unknown, missing or impossible ones are a `DataError`.

    Args:
        kind: The class.
        value: Its fields by name.
        what: It is of, for messages.
        beside: Names of what may stand beside the fields and is left alone.
    """
    own = {key: one for key, one in _mapping(value, what).items() if key not in (KIND, *beside)}
    try:
        return kind(**own)
    except (TypeError, ValueError, RequestError) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"the settings of {what} cannot be read ({reason}): make the run again") from error


def _mapping(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise DataError(
            f"the settings of {what} should be fields with values, not {type(value).__name__}: make the run again"
        )
    return value


def _jsonable(value: object) -> Any:
    """Nested settings as JSON has them."""
    if isinstance(value, Mapping):
        return {str(key): _jsonable(one) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return [_jsonable(one) for one in value]
    return str(value) if isinstance(value, Path) else value
