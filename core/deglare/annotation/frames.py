"""Which frame an annotation is about: its name, and what its image holds, so that a renamed image keeps its own.

The mesh of a run can be painted on as well. It stands beside the frames under a name that no frame can have, as a
picture of one row with a pixel for every triangle.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from deglare.data.drafts import ColourFile
from deglare.errors import DataError, RequestError
from deglare.geometry.mesh import Mesh
from deglare.types import Frame, Sequence

MESH = "(mesh)"
"""Under this name stand marks on triangles."""


@dataclass(frozen=True)
class KnownMesh:
    """A mesh that is painted on: marks of another one wait until that one is back."""

    sha256: str
    faces: int

    @classmethod
    def of(cls, mesh: Mesh) -> KnownMesh:
        """By where its corners are, and which of them make a triangle."""
        arrays = (mesh.vertices_m, mesh.faces)
        return cls(
            hashlib.sha256(b"".join(np.ascontiguousarray(one).tobytes() for one in arrays)).hexdigest(), len(mesh.faces)
        )


@dataclass
class KnownFrames:
    """The frames of a sequence as they are now. Images are hashed when first asked about."""

    sizes_hw: Mapping[str, tuple[int, int]]
    """Of the images, by name, in order of time."""
    hash_of: Callable[[str], str]
    mesh: Callable[[], KnownMesh] | None = None
    """What is painted on beside the images, asked for when marks on it are; None: they are left where they are."""
    _hashes: dict[str, str] = field(default_factory=dict)
    _by_hash: dict[str, str] | None = None

    @classmethod
    def of(cls, sequence: Sequence) -> KnownFrames:
        """Of a sequence, or of a run opened as one."""
        frames = {frame.name: frame for frame in sequence}
        return cls({name: frame.camera.size_hw for name, frame in frames.items()}, lambda name: content(frames[name]))

    @property
    def names(self) -> tuple[str, ...]:
        """In order of time."""
        return tuple(self.sizes_hw)

    def require(self, name: str) -> str:
        """The name itself; a `RequestError` where there is no such frame."""
        if name not in self.sizes_hw and not (name == MESH and self.mesh is not None):
            raise RequestError(f"there is no frame '{name[:60]}' in this sequence")
        return name

    def size_hw(self, name: str) -> tuple[int, int]:
        """Of a mask over it."""
        if self.require(name) == MESH and self.mesh is not None:
            return 1, self.mesh().faces
        return self.sizes_hw[name]

    def sha256(self, name: str) -> str:
        """Of what the image holds, or of the mesh."""
        if self.require(name) == MESH and self.mesh is not None:
            return self.mesh().sha256
        if name not in self._hashes:
            self._hashes[name] = self.hash_of(self.require(name))
        return self._hashes[name]

    def owner(self, name: str, sha256: str) -> str | None:
        """The frame that an annotation is about now.

        The one of its name if the image is the same, else the first with the same image; None where the image is gone.
        """
        if name == MESH:
            return MESH if self.mesh is not None and self._found(MESH) == sha256 else None
        if name in self.sizes_hw and self._has(name, sha256):
            return name
        if self._by_hash is None:
            self._by_hash = {}
            for one in self.sizes_hw:
                if (found := self._found(one)) is not None:
                    self._by_hash.setdefault(found, one)
        return self._by_hash.get(sha256)

    def _has(self, name: str, sha256: str) -> bool:
        return self._found(name) == sha256

    def _found(self, name: str) -> str | None:
        """None where the image cannot be read: annotations wait until it can."""
        try:
            return self.sha256(name)
        except DataError:
            return None


def content(frame: Frame) -> str:
    """A hash of the image: of its file where it has one of its own, else of its pixels."""
    if isinstance(frame.load_rgb, ColourFile):
        try:
            return hashlib.sha256(frame.load_rgb.path.read_bytes()).hexdigest()
        except OSError as error:
            raise DataError(f"cannot read {frame.load_rgb.path}: {error.strerror or error}") from error
    rgb = frame.rgb()
    return hashlib.sha256(repr(rgb.shape).encode() + rgb.tobytes()).hexdigest()
