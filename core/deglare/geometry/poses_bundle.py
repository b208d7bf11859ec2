"""Bundle adjustment with predicted depth: cameras, points and lens that fit what was seen, and hardly against depth.

Levenberg-Marquardt on the reduced camera system. A sighting counts by its distance in pixels, less the further off it
is (Cauchy). Besides, the depth of each frame's points is held to the predicted one, with the weight of one observation
a frame whose logarithm is off by `DEPTH_SIGMA`: nothing beside the pixels where these know better, but it holds the
scale along a path that loses the thread, and chooses between two readings of a flat wall.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64

from deglare.geometry.poses_lens import Lens
from deglare.geometry.poses_rotations import rotation_matrices
from deglare.geometry.poses_tracks import Tracks, summed

DEPTH_SIGMA = 0.15
"""Predicted depth of a whole frame is off by this much, as a logarithm."""

WRONG_DEPTH = 0.5
"""Predicted depth of a single point that is off by more hardly counts: it may be a mirror image."""

FOCAL_SIGMA, RADIAL_SIGMA = 0.2, 0.05
"""How far the focal length (as a logarithm) and the radial coefficient may be from where they start."""

NEAREST_Z = 1e-3
LARGEST_DAMPING = 1e4
SMALL_GAIN = 1e-4


@dataclass(frozen=True, eq=False)
class Model:
    """Cameras, points and lens; the world is in metres as far as predicted depth is."""

    cam_R_world: Float64[np.ndarray, "f 3 3"]
    cam_t_world: Float64[np.ndarray, "f 3"]
    points: Float64[np.ndarray, "p 3"]
    lens: Lens

    @property
    def positions(self) -> Float64[np.ndarray, "f 3"]:
        """Camera centres in the world."""
        return -np.einsum("fji,fj->fi", self.cam_R_world, self.cam_t_world)


@dataclass(frozen=True)
class Adjustment:
    """How one adjustment is done."""

    believed_px: float
    """Sightings that are off by this much count half."""
    rounds: int
    depth_weight: float = 1.0
    is_focal_free: bool = True
    is_radial_free: bool = True


@dataclass(frozen=True, eq=False)
class Fit:
    """Where the model has each sighting."""

    in_camera: Float64[np.ndarray, "n 3"]
    off_px: Float64[np.ndarray, "n 2"]
    off_log_depth: Float64[np.ndarray, " n"]
    """NaN where nothing is predicted."""

    @property
    def distance_px(self) -> Float64[np.ndarray, " n"]:
        """Between where a point is seen and where it should be; infinite behind the camera."""
        return np.where(self.in_camera[:, 2] > NEAREST_Z, np.linalg.norm(self.off_px, axis=1), np.inf)


def fit_of(model: Model, tracks: Tracks) -> Fit:
    """Compare a model with what was seen."""
    turned = np.einsum("nij,nj->ni", model.cam_R_world[tracks.frame], model.points[tracks.point])
    in_camera = turned + model.cam_t_world[tracks.frame]
    z = np.maximum(in_camera[:, 2], NEAREST_Z)
    flat = in_camera[:, :2] / z[:, None]
    bent = 1 + model.lens.radial * np.sum(flat**2, axis=1, keepdims=True)
    off_px = model.lens.focal_px * bent * flat + model.lens.centre_xy - tracks.xy
    return Fit(in_camera, off_px, np.log(z) - tracks.log_depth)


def adjusted(model: Model, tracks: Tracks, how: Adjustment) -> Model:
    """The model after some rounds, fewer where nothing more is gained."""
    problem = _Problem(tracks, how, model.lens)
    fit, damping = fit_of(model, tracks), 1e-3
    cost = problem.cost(model, fit)
    for _ in range(how.rounds):
        candidate = _moved(model, problem.step(model, fit, damping))
        candidate_fit = fit_of(candidate, tracks)
        candidate_cost = problem.cost(candidate, candidate_fit)
        if not candidate_cost < cost:
            damping *= 8
            if damping > LARGEST_DAMPING:
                break
            continue
        gain = (cost - candidate_cost) / cost
        model, fit, cost, damping = candidate, candidate_fit, candidate_cost, max(damping / 5, 1e-9)
        if gain < SMALL_GAIN:
            break
    return model


@dataclass(frozen=True, eq=False)
class _Step:
    cameras: Float64[np.ndarray, "f 6"]
    """Rotation about the camera's centre of axes, and translation."""
    lens: Float64[np.ndarray, "2"]
    points: Float64[np.ndarray, "p 3"]


class _Problem:
    """What stays the same from round to round."""

    def __init__(self, tracks: Tracks, how: Adjustment, start: Lens) -> None:
        self.tracks, self.how, self.start = tracks, how, start
        known = np.isfinite(tracks.log_depth)
        each = np.bincount(tracks.frame, known)[tracks.frame]
        self.depth_weight = np.where(known, how.depth_weight / (np.maximum(each, 1) * DEPTH_SIGMA**2), 0)
        self.by_frame = np.argsort(tracks.frame, kind="stable")
        self.lens_prior = np.array([1 / (FOCAL_SIGMA * start.focal_px) ** 2, 1 / RADIAL_SIGMA**2])

    def cost(self, model: Model, fit: Fit) -> float:
        """Half the robust sum of squares."""
        width = self.how.believed_px
        pixels = width**2 * np.log1p(np.minimum(fit.distance_px, 1e6) ** 2 / width**2)
        depth = WRONG_DEPTH**2 * np.log1p((self._log_depth(fit) / WRONG_DEPTH) ** 2) * self.depth_weight
        return 0.5 * float(pixels.sum() + depth.sum() + self.lens_prior @ self._lens_off(model) ** 2)

    def step(self, model: Model, fit: Fit, damping: float) -> _Step:
        """Solve the damped normal equations: points are eliminated, cameras and lens remain."""
        by_camera, by_lens, by_point, off = self._jacobians(model, fit)
        _frame, point, frames = self.tracks.frame, self.tracks.point, len(model.cam_R_world)
        corner = _times(by_point, by_point)
        points = summed(corner.reshape(-1, 9), self.tracks).reshape(-1, 3, 3)
        points[:, range(3), range(3)] *= 1 + damping
        inverse = np.linalg.inv(points + 1e-9 * np.eye(3))
        point_pull = summed(np.einsum("nki,nk->ni", by_point, off), self.tracks)
        camera_point = _times(by_camera, by_point)
        lens_point = summed(_times(by_lens, by_point).reshape(-1, 6), self.tracks).reshape(-1, 2, 3)
        matrix, pull = self._cameras_and_lens(model, by_camera, by_lens, off, damping)
        # what the points take away
        eliminated = camera_point @ inverse[point]
        wide, slim = self._blocks(camera_point, model), self._blocks(eliminated, model)
        size = 6 * frames
        matrix[:size, :size] -= (slim @ wide.T).toarray()
        through_points = lens_point @ inverse
        mixed = wide @ through_points.transpose(0, 2, 1).reshape(-1, 2)
        matrix[:size, size:] -= mixed
        matrix[size:, :size] -= mixed.T
        matrix[size:, size:] -= np.einsum("pij,pkj->ik", through_points, lens_point)
        pull[:size] -= slim @ point_pull.ravel()
        pull[size:] -= np.einsum("pij,pj->i", through_points, point_pull)
        moved = _solved(matrix, -pull)
        cameras, lens = moved[:size].reshape(frames, 6), moved[size:]
        back = point_pull + (wide.T @ moved[:size]).reshape(-1, 3) + np.einsum("pij,i->pj", lens_point, lens)
        return _Step(cameras, lens, -np.einsum("pij,pj->pi", inverse, back))

    def _jacobians(self, model: Model, fit: Fit) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Derivatives of the weighted residuals (x, y, depth) by camera, lens and point, and the residuals."""
        lens, z = model.lens, np.maximum(fit.in_camera[:, 2], NEAREST_Z)
        count = len(z)
        flat = fit.in_camera[:, :2] / z[:, None]
        reach = np.sum(flat**2, axis=1, keepdims=True)
        bend = (1 + lens.radial * reach)[..., None] * np.eye(2) + 2 * lens.radial * flat[:, :, None] * flat[:, None]
        flatten = np.zeros((count, 2, 3))
        flatten[:, 0, 0] = flatten[:, 1, 1] = 1 / z
        flatten[:, :, 2] = -flat / z[:, None]
        by_place = np.zeros((count, 3, 3))
        by_place[:, :2] = lens.focal_px * bend @ flatten
        by_place[:, 2, 2] = 1 / z
        weight = self._weights(fit)
        by_place *= weight[..., None]
        turned = fit.in_camera - model.cam_t_world[self.tracks.frame]
        by_camera = np.concatenate([-by_place @ _cross(turned), by_place], axis=2)
        by_lens = np.zeros((count, 3, 2))
        by_lens[:, :2, 0] = (1 + lens.radial * reach) * flat * self.how.is_focal_free
        by_lens[:, :2, 1] = lens.focal_px * reach * flat * self.how.is_radial_free
        by_lens *= weight[..., None]
        off = np.concatenate([fit.off_px, self._log_depth(fit)[:, None]], axis=1) * weight
        return by_camera, by_lens, by_place @ model.cam_R_world[self.tracks.frame], off

    def _weights(self, fit: Fit) -> Float64[np.ndarray, "n 3"]:
        """Square roots of how much each residual counts."""
        pixels = 1 / (1 + (np.minimum(fit.distance_px, 1e6) / self.how.believed_px) ** 2)
        pixels = np.where(np.isfinite(fit.distance_px), pixels, 0)
        depth = self.depth_weight / (1 + (self._log_depth(fit) / WRONG_DEPTH) ** 2)
        return np.sqrt(np.stack([pixels, pixels, depth], axis=1))

    def _cameras_and_lens(
        self, model: Model, by_camera: np.ndarray, by_lens: np.ndarray, off: np.ndarray, damping: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """The part of the normal equations in which no point occurs."""
        frames = len(model.cam_R_world)
        size = 6 * frames
        matrix, pull = np.zeros((size + 2, size + 2)), np.zeros(size + 2)
        cameras = self._by_frame(_times(by_camera, by_camera).reshape(-1, 36), frames).reshape(-1, 6, 6)
        place = np.arange(size).reshape(frames, 6)
        matrix[place[:, :, None], place[:, None, :]] = cameras
        mixed = self._by_frame(_times(by_camera, by_lens).reshape(-1, 12), frames).reshape(size, 2)
        matrix[:size, size:], matrix[size:, :size] = mixed, mixed.T
        matrix[size:, size:] = np.einsum("nki,nkj->ij", by_lens, by_lens) + np.diag(self.lens_prior)
        pull[:size] = self._by_frame(np.einsum("nki,nk->ni", by_camera, off), frames).ravel()
        pull[size:] = np.einsum("nki,nk->i", by_lens, off) + self.lens_prior * self._lens_off(model)
        diagonal = np.arange(size + 2)
        matrix[diagonal, diagonal] *= 1 + damping
        matrix[diagonal, diagonal] += 1e-6
        return matrix, pull

    def _by_frame(self, values: np.ndarray, frames: int) -> np.ndarray:
        """Sums over the sightings of each frame."""
        return np.stack([np.bincount(self.tracks.frame, column, frames) for column in values.T], axis=1)

    def _blocks(self, values: np.ndarray, model: Model):
        """6x3 blocks of sightings as one sparse matrix of cameras by points."""
        from scipy.sparse import bsr_matrix

        frames = len(model.cam_R_world)
        starts = np.searchsorted(self.tracks.frame[self.by_frame], np.arange(frames + 1))
        shape = (6 * frames, 3 * len(model.points))
        return bsr_matrix((values[self.by_frame], self.tracks.point[self.by_frame], starts), shape=shape)

    def _log_depth(self, fit: Fit) -> Float64[np.ndarray, " n"]:
        return np.where(np.isfinite(fit.off_log_depth), fit.off_log_depth, 0)

    def _lens_off(self, model: Model) -> Float64[np.ndarray, "2"]:
        return np.array([model.lens.focal_px - self.start.focal_px, model.lens.radial - self.start.radial])


def _moved(model: Model, step: _Step) -> Model:
    turned = rotation_matrices(step.cameras[:, :3]) @ model.cam_R_world
    grown = np.exp(np.clip(step.lens[0] / model.lens.focal_px, -0.2, 0.2))
    lens = replace(
        model.lens, focal_px=float(model.lens.focal_px * grown), radial=float(model.lens.radial + step.lens[1])
    )
    return Model(turned, model.cam_t_world + step.cameras[:, 3:], model.points + step.points, lens)


def _times(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """``first^T second`` of each sighting."""
    return first.transpose(0, 2, 1) @ second


def _cross(vectors: Float64[np.ndarray, "n 3"]) -> Float64[np.ndarray, "n 3 3"]:
    """Matrices whose product with w is the vector's cross product with w."""
    x, y, z = vectors.T
    zero = np.zeros_like(x)
    return np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=1).reshape(-1, 3, 3)


def _solved(matrix: Float64[np.ndarray, "n n"], right: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """By Cholesky; a matrix that rounding made indefinite gets what it lacks."""
    from scipy.linalg import cho_factor, cho_solve

    lift = 0.0
    for _ in range(6):
        try:
            return cho_solve(cho_factor(matrix + lift * np.diag(np.diag(matrix)), check_finite=False), right)
        except np.linalg.LinAlgError:
            lift = max(10 * lift, 1e-9)
    return np.zeros_like(right)
