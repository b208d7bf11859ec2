"""How depth along the camera's path compares with predicted depth: the one scale of a clip, and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64

from deglare.geometry.poses_bundle import fit_of
from deglare.geometry.poses_solving import Solved

FEWEST_POINTS = 8


@dataclass(frozen=True, eq=False)
class DepthAgreement:
    """Logarithms of predicted depth over depth along the path."""

    by_frame: Float64[np.ndarray, " f"]
    """Median of each frame, NaN where too few points have predictions."""
    spread: float
    """Within frames: median distance of points from the median of their frame."""

    @property
    def scale(self) -> float:
        """What the path is multiplied with: the median of all frames, each frame one voice."""
        return float(np.exp(np.nanmedian(self.by_frame)))

    @property
    def scatter(self) -> float:
        """Between frames: median distance from the median, which is about the relative error of one frame."""
        return float(np.nanmedian(np.abs(self.by_frame - np.nanmedian(self.by_frame))))

    @property
    def scale_error(self) -> float:
        """Standard error of the scale as a share, if frames were independent and the networks right on average."""
        voices = max(int(np.count_nonzero(np.isfinite(self.by_frame))), 1)
        return 1.4826 * self.scatter / float(np.sqrt(voices))


def agreement_of(solved: Solved) -> DepthAgreement | None:
    """Compare the depth of all points with what is predicted for them; None where nothing is predicted."""
    off = -fit_of(solved.model, solved.tracks).off_log_depth
    by_frame, within = np.full(len(solved.frames), np.nan), list[np.ndarray]()
    for place in range(len(solved.frames)):
        voices = off[solved.tracks.frame == place]
        voices = voices[np.isfinite(voices)]
        if len(voices) >= FEWEST_POINTS:
            by_frame[place] = np.median(voices)
            within.append(np.abs(voices - by_frame[place]))
    if not within:
        return None
    return DepthAgreement(by_frame, float(np.median(np.concatenate(within))))


def scaled(solved: Solved, scale: float) -> Solved:
    """The same clip in other units."""
    model = solved.model
    larger = replace(model, cam_t_world=model.cam_t_world * scale, points=model.points * scale)
    return replace(solved, model=larger)
