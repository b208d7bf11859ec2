"""The experiment that ships: the records of a finished ``deglare bench`` that the studio's tables show.

python assets/scripts/bundle_experiment.py assets/results/distill3d-small.json
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from deglare.data.files import write_json
from deglare.experiments.results import FORMAT
from deglare.experiments.sheets import read_recorded, shown
from deglare.samples import sample_scene_path


def main() -> None:
    """Read, leave out what no sheet shows, write beside the sample scene."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("experiment", type=Path)
    found = read_recorded(parser.parse_args().experiment)
    content = {
        "format": FORMAT,
        "facts": dict(found.facts),
        "claims": list(found.claims),
        "records": [asdict(record) for record in shown(found.records)],
    }
    write_json(sample_scene_path().parent / "distill3d-small.json", content)


if __name__ == "__main__":
    main()
