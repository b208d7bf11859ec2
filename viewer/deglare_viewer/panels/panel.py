"""What a panel is, and what all panels share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import gradio as gr

from deglare_viewer.trainings import Trainings

if TYPE_CHECKING:
    from gradio.components import Component
    from gradio.events import Dependency

    from deglare_viewer.films.filming import Filming
    from deglare_viewer.routes import Reading
    from deglare_viewer.sessions import RunTable


@dataclass(frozen=True)
class Studio:
    """What every panel may use while it is built: the runs, and the parts of the page that are outside the tabs."""

    table: RunTable
    reading: Reading
    """What was computed for the page, once for everybody."""
    blocks: gr.Blocks
    tabs: gr.Tabs
    run: gr.Dropdown
    """The id of the run that this visitor looks at; None where there is none."""
    opened: Dependency
    """When the page was opened and its run is known."""
    is_read_only: bool = False
    """Whether visitors may change runs: write labels, keep failures."""
    films: Filming | None = None
    """Their own clips, where they may bring some."""
    trainings: Trainings = field(default_factory=Trainings)
    """How networks were trained."""

    def on_run(
        self, work: Callable[..., Any], inputs: Sequence[Component], outputs: Sequence[Component], **kwargs: Any
    ) -> None:
        """Do something when the page opens, and whenever another run is chosen."""
        self.opened.then(work, [*inputs], [*outputs], api_visibility="private", **kwargs)
        self.run.change(work, [*inputs], [*outputs], api_visibility="private", **kwargs)


class Panel(Protocol):
    """One tab. It keeps no state of its own: what belongs to a visitor lies in components and in ``gr.State``."""

    title: str
    """Of the tab; its id is the title in lower case."""
    upload_bytes: int
    """The largest file that it takes through Gradio; 0 if it takes none."""

    def build(self, studio: Studio) -> None:
        """Place the components and connect them; called inside the tab."""
        ...
