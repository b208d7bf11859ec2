"""``deglare demo``: the main job on the bundled scene, in a minute, without a network or a download."""

from __future__ import annotations

import sys
from pathlib import Path

from deglare.cli import Result
from deglare.cli.label import REPORT, SMALL
from deglare.cli.terminal import bar, say

PAGE, MESH = "page.png", "mesh.glb"
ROWS = 4


def demo(out: Path = Path("deglare-demo"), app: bool = True) -> Result:
    """Run everything on the bundled scene: predict, fuse, project, label, compare with the truth, and show it.

    Three small networks that learned depth without ground truth look at a room with a polished floor. Where a window is
    mirrored in it they see a hole. Their depth is fused to a mesh, in which clean views outvote the glare; the mesh is
    projected back, and takes the place of predicted depth where the networks disagree. The same line again goes on
    where it stopped.

    Args:
        out: The folder that gets the run, the report, a page of pictures and the mesh.
        app: Open the studio on it in the end, until Ctrl-C. Left out where nobody sits at a terminal.
    """
    from deglare.data.files import write_image
    from deglare.evaluation.runs import report_runs
    from deglare.fusion.labelling import label
    from deglare.fusion.showing import frames_worth_showing, run_sheet
    from deglare.geometry.mesh_files import read_mesh, write_mesh
    from deglare.networks.teachers import load_model
    from deglare.processes import use_one_thread
    from deglare.samples import open_sample

    use_one_thread()
    teachers = [load_model(name, runtime="auto") for name in SMALL]
    done = label(open_sample(), teachers, out, announce=bar)
    with bar("compare", "layer") as progress:
        report = report_runs({"sample": done.run}, progress=progress)
    report.write(out / REPORT)
    write_image(out / PAGE, run_sheet(done.run, SMALL[0], frames_worth_showing(done.run, ROWS)))
    write_mesh(out / MESH, read_mesh(done.run.mesh))
    say(report.table())
    layers = {"predicted": report.layers[f"predicted/{SMALL[0]}"], "fused": report.layers["fused"]}
    off = {name: layer.value("highlight", "abs_rel") for name, layer in layers.items()}
    say(
        f"where a lamp or a window is mirrored, {SMALL[0]} is {off['predicted']:.0%} off on average, and the labels "
        f"{off['fused']:.0%}"
    )
    say(f"look at {out / PAGE}, open {out / MESH} in any 3D viewer; every frame's labels lie in {out / 'fused'}")
    if app:
        show(out)
    return {"out": str(out), "frames": done.frames, "shares": done.shares, "highlight_abs_rel": off}


def show(out: Path) -> None:
    """Open the studio where somebody can look and press Ctrl-C; a script or a build must not wait for that."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        say(f"look at every pixel of it: deglare app {out}")
        return
    from deglare_viewer.serving import serve

    serve([out], say=say)
