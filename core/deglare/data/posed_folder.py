"""The posed folder: deglare's own form of a sequence, simple enough to write by hand.

::

    camera.json         {"fx", "fy", "cx", "cy", "height", "width"}: pixels of the images, centres on whole numbers
                        (or K.txt | intrinsics.txt | camera-intrinsics.txt: the 3x3 matrix for the images as they are)
    color/NAME.jpg      the images, in natural order of their names (also images/ or rgb/; png, jpg, jpeg, webp)
    poses.txt           a line an image: NAME and 16 numbers, the 4x4 camera-to-world matrix row by row, metres, axes x
                        right, y down, z forward; without NAME the lines are the images in order
                        (or pose/NAME.txt: one 4x4 matrix a file)
    depth/NAME.png      optional: z-depth, 16 bits, millimetres, 0 = none
    regions/NAME.png    optional: what mirrors, 8 bits, not 0 = reflective
    specular/NAME.png   optional, beside regions: share of mirrored light, 8 bits, 255 = all
    material/NAME.png   optional, beside regions: the codes of `deglare.types.Material`, 8 bits
    surface/NAME.png    optional, beside regions: surface numbers, 16 bits
    scene.json          optional, beside surface: how rough each surface is (see `deglare.data.surfaces`)

A ``nan`` or ``inf`` in a pose says that tracking was lost: the frame is left out and counted, as one without a pose is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt16

from deglare.data.cameras import CAMERA_FILE, CAMERA_FILES, find_camera, write_camera
from deglare.data.drafts import ColourFile, DepthFile, Draft, Source, assemble, read_pose
from deglare.data.files import (
    parse_numbers,
    read_png8,
    read_png16,
    read_text,
    write_depth,
    write_image,
    write_mask,
    write_text,
)
from deglare.data.folders import by_stem, first_existing, one_size_hw
from deglare.data.surfaces import SCENE_FILE, listed_roughness
from deglare.errors import DataError, RequestError
from deglare.types import Camera, DepthMap, Rgb, Rigid, Sequence, SurfaceLabels

FORMAT = "posed-folder"
COLOUR_FOLDERS = ("color", "images", "rgb")


@dataclass(frozen=True)
class PosedFolder:
    """Where everything lies in a posed folder; the reader and the writer share it."""

    root: Path

    @property
    def camera(self) -> Path:
        """The intrinsics."""
        return self.root / CAMERA_FILE

    @property
    def poses(self) -> Path:
        """All poses in one file."""
        return self.root / "poses.txt"

    @property
    def scene(self) -> Path:
        """What the surfaces are like, where the frames are rendered."""
        return self.root / SCENE_FILE

    def color(self, name: str) -> Path:
        """The image that is written for a frame; a reader takes other folders and endings too."""
        return self.root / "color" / f"{name}.jpg"

    def layer(self, layer: str, name: str) -> Path:
        """One of ``depth``, ``regions``, ``specular``, ``material``, ``surface``."""
        return self.root / layer / f"{name}.png"

    def write_camera(self, camera: Camera) -> None:
        """Write ``camera.json``."""
        write_camera(self.camera, camera)

    def write_poses(self, world_T_cams: Iterable[tuple[str, Rigid]]) -> None:
        """Write ``poses.txt`` from frame names and poses, to the last bit."""
        lines = [" ".join([_word(name), *(repr(float(x)) for x in pose.ravel())]) for name, pose in world_T_cams]
        write_text(self.poses, "\n".join(lines) + "\n")

    def write_frame(
        self, name: str, rgb: Rgb, depth: DepthMap | None = None, labels: SurfaceLabels | None = None
    ) -> None:
        """Write the images of one frame; its pose goes into ``poses.txt`` with all the others."""
        write_image(self.color(name), rgb)
        if depth is not None:
            write_depth(self.layer("depth", name), depth)
        if labels is not None:
            self.write_labels(name, labels)

    def write_labels(self, name: str, labels: SurfaceLabels) -> None:
        """Write what is known about the surfaces of one frame; how rough they are is for ``scene.json`` to say."""
        write_mask(self.layer("regions", name), labels.reflective)
        if labels.specular_share is not None:
            share = np.rint(np.clip(labels.specular_share, 0, 1) * 255).astype(np.uint8)
            write_image(self.layer("specular", name), share)
        if labels.material is not None:
            write_image(self.layer("material", name), labels.material)
        if labels.surface_id is not None:
            write_image(self.layer("surface", name), labels.surface_id)


@dataclass(frozen=True)
class LabelFiles:
    """Decodes what is known about the surfaces of one frame."""

    folder: PosedFolder
    name: str

    def __call__(self) -> SurfaceLabels:
        """Decode."""
        regions = read_png8(self.folder.layer("regions", self.name))
        specular = self._read("specular", read_png8, regions.shape)
        surface_id = self._read("surface", read_png16, regions.shape)
        return SurfaceLabels(
            reflective=regions > 0,
            specular_share=None if specular is None else specular.astype(np.float32) / np.float32(255),
            material=self._read("material", read_png8, regions.shape),
            surface_id=surface_id,
            roughness=None if surface_id is None else self._roughness(surface_id),
        )

    def _roughness(self, surface_id: UInt16[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"] | None:
        """The roughness of the surface at each pixel, where it is listed."""
        listed = listed_roughness(self.folder.scene)
        if listed is None:
            return None
        if surface_id.max() >= len(listed):
            raise DataError(
                f"{self.folder.layer('surface', self.name)} shows surface {surface_id.max()} but {self.folder.scene} "
                f"lists {len(listed)}, counted from 0: are both of one room?"
            )
        return listed[surface_id]

    def _read(self, layer: str, read: Callable[[Path], np.ndarray], shape: tuple[int, ...]) -> np.ndarray | None:
        path = self.folder.layer(layer, self.name)
        if not path.is_file():
            return None
        pixels = read(path)
        if pixels.shape != shape:
            raise DataError(f"{path} is {pixels.shape} pixels (height, width) but its regions are {shape}")
        return pixels


def looks_like_posed_folder(path: Path) -> bool:
    """Images in a folder of their own, and poses; a run keeps its poses elsewhere."""
    has_poses = (path / "poses.txt").is_file() or (path / "pose").is_dir()
    return has_poses and first_existing(path, COLOUR_FOLDERS) is not None and not (path / "intrinsic").is_dir()


def read_posed_folder(path: Path) -> Sequence:
    """Open a posed folder; nothing but headers, poses and the camera is read."""
    folder = PosedFolder(path)
    colour = first_existing(path, COLOUR_FOLDERS)
    if colour is None:
        raise DataError(f"{path} has no folder of images ({', '.join(COLOUR_FOLDERS)})")
    images = by_stem(colour)
    camera = find_camera(path, one_size_hw(list(images.values()), str(colour)))
    if camera is None:
        raise DataError(f"{path} has poses but no camera: add one of {', '.join(CAMERA_FILES)}")
    poses, dropped = _stated_poses(folder, list(images))
    depths, masks = by_stem(path / "depth", (".png",)), by_stem(path / "regions", (".png",))
    drafts = (
        Draft(
            name=name,
            load_rgb=ColourFile(image),
            stated_pose=poses.get(name),
            pose_source=f"the pose of frame {name} of {path}",
            load_depth=DepthFile(depths[name]) if name in depths else None,
            load_labels=LabelFiles(folder, name) if name in masks else None,
        )
        for name, image in images.items()
    )
    return assemble(Source(path.resolve().name, FORMAT, camera), drafts, dropped)


def _stated_poses(folder: PosedFolder, names: list[str]) -> tuple[dict[str, Rigid], Counter[str]]:
    """Poses by frame name, and how many belong to no image."""
    if not folder.poses.is_file():
        read = ((name, read_pose(folder.root / "pose" / f"{name}.txt")) for name in names)
        return {name: pose for name, pose in read if pose is not None}, Counter()
    lines = [line.split("#")[0].split() for line in read_text(folder.poses).splitlines()]
    rows = [(number, words) for number, words in enumerate(lines, start=1) if words]
    lengths = {len(words) for _, words in rows}
    if lengths == {16}:
        return _in_order(folder.poses, rows, names), Counter()
    if lengths == {17}:
        return _by_name(folder.poses, rows, names)
    number, words = next(((n, w) for n, w in rows if len(w) not in (16, 17)), rows[-1] if rows else (1, []))
    raise DataError(
        f"{folder.poses}, line {number} has {len(words)} words: "
        "each line is 16 numbers, or each line is a name without spaces and 16 numbers"
    )


def _word(name: str) -> str:
    """A frame name as it may stand in ``poses.txt``."""
    if name.split("#")[0].split() != [name]:
        raise RequestError(f"a frame cannot be named '{name}': no spaces and no #")
    return name


def _in_order(path: Path, rows: list[tuple[int, list[str]]], names: list[str]) -> dict[str, Rigid]:
    if len(rows) != len(names):
        raise DataError(
            f"{path} has {len(rows)} poses for {len(names)} images: "
            "start each line with the name of its image where some have no pose"
        )
    return {name: _matrix(path, number, words) for name, (number, words) in zip(names, rows, strict=True)}


def _by_name(path: Path, rows: list[tuple[int, list[str]]], names: list[str]) -> tuple[dict[str, Rigid], Counter[str]]:
    known, poses, dropped = set(names), dict[str, Rigid](), Counter[str]()
    for number, (name, *words) in rows:
        stem = name if name in known else Path(name).stem
        if stem in poses:
            raise DataError(f"{path}, line {number}: frame {stem} has a second pose")
        if stem not in known:
            dropped["pose without an image"] += 1
            continue
        poses[stem] = _matrix(path, number, words)
    return poses, dropped


def _matrix(path: Path, line: int, words: list[str]) -> Rigid:
    return parse_numbers(" ".join(words), str(path), count=16, first_line=line).reshape(4, 4)
