"""The methods: each is a frozen config that builds itself, in a file of its own. `METHODS` lists them.

The trainer knows the protocol in `deglare.methods.method` and no names.
"""

from __future__ import annotations

from deglare.methods.distill3d import Distill3D
from deglare.methods.method import Batch, Method, MethodConfig
from deglare.methods.self_teaching import SelfTeaching
from deglare.methods.selfsup import SelfSup
from deglare.methods.triplet import Triplet
from deglare.methods.triplet_distilled import TripletDistilled

METHODS: dict[str, MethodConfig] = {
    "selfsup": SelfSup(),
    "self-teaching": SelfTeaching(),
    "distill3d": Distill3D(),
    "triplet": Triplet(),
    "triplet-distilled": TripletDistilled(),
}


def method_name(config: MethodConfig) -> str:
    """The name in `METHODS` under which a method is known, whatever its settings."""
    return next(name for name, known in METHODS.items() if type(known) is type(config))


__all__ = [
    "METHODS",
    "Batch",
    "Distill3D",
    "Method",
    "MethodConfig",
    "SelfSup",
    "SelfTeaching",
    "Triplet",
    "TripletDistilled",
    "method_name",
]
