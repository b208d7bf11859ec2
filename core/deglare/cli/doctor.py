"""``deglare doctor``: what works on this machine."""

from __future__ import annotations

from dataclasses import asdict

from deglare.cli.terminal import say
from deglare.doctor.check import Check
from deglare.doctor.examination import examine, is_healthy


def doctor() -> dict[str, object]:
    """What works on this machine, and what to do about what does not."""
    checks = examine()
    for line in lines(checks):
        say(line)
    return {"ok": is_healthy(checks), "checks": [asdict(check) for check in checks]}


def lines(checks: list[Check]) -> list[str]:
    """The report as text: status, name, detail, and a remedy below what is not well."""
    width = max(len(check.name) for check in checks)
    text: list[str] = []
    for check in checks:
        text.append(f"{check.status:8}{check.name:{width}}  {check.detail}")
        if check.remedy:
            text.append(f"{'':8}{'':{width}}  -> {check.remedy}")
    return [*text, summary(checks)]


def summary(checks: list[Check]) -> str:
    """One sentence: is anything that matters amiss?"""
    amiss = [check.name for check in checks if check.is_required and check.status != "ok"]
    if amiss:
        return f"deglare cannot work here yet: {', '.join(amiss)}"
    optional = sum(check.status != "ok" for check in checks)
    return "everything works" if not optional else f"deglare works here; {optional} optional things do not"
