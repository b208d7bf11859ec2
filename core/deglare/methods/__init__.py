"""The methods: each is a frozen config that builds itself, in a file of its own. `METHODS` lists them.

The trainer knows the protocol in `deglare.methods.method` and no names.
"""

from __future__ import annotations

from deglare.methods.method import Batch, Method, MethodConfig
from deglare.methods.self_teaching import SelfTeaching
from deglare.methods.selfsup import SelfSup

METHODS: dict[str, MethodConfig] = {"selfsup": SelfSup(), "self-teaching": SelfTeaching()}

__all__ = ["METHODS", "Batch", "Method", "MethodConfig", "SelfSup", "SelfTeaching"]
