"""Foreign and shipped networks on a real sequence: python real_networks.py SEQUENCE NETWORK.onnx OUT.png

Relative depth is fitted to the sensor in scale and shift of 1/depth, metric depth of ours is scaled by medians.
"""

import sys
from pathlib import Path

import numpy as np

from deglare import load_model, open_sequence
from deglare.data.files import write_image
from deglare.fusion.importing import resized_rgb
from deglare.geometry.resampling import resize_prediction, resize_relative
from deglare.networks import disparity_fitted
from deglare.pictures import DepthRange, depth_picture, sheet, shrunk

sequence, foreign = open_sequence(sys.argv[1]), load_model(sys.argv[2])
ours = [load_model(name) for name in ("monodepth2-small", "hrdepth-small", "monovit-small")]
rows, captions = [], []
for frame in sequence[::18][:4]:
    truth, rgb = frame.depth(), frame.rgb()
    shown = DepthRange.of([truth.metres[truth.valid]])
    fitted = disparity_fitted(resize_relative(foreign.predict(rgb), truth.size_hw), truth)
    depths = [truth, fitted]
    for teacher in ours:
        depth = resize_prediction(teacher.predict(rgb), truth.size_hw)
        both = depth.valid & truth.valid
        scale = np.float32(np.median(truth.metres[both]) / np.median(depth.metres[both]))
        depths.append(type(depth)(depth.metres * scale, depth.valid))
    pictures = [resized_rgb(rgb, truth.size_hw), *(depth_picture(d.metres, d.valid, shown) for d in depths)]
    rows.append([shrunk(picture, 240) for picture in pictures])
    captions.append(f"frame {frame.name}\n{shown.near_m:.1f} to\n{shown.far_m:.1f} m")
titles = ("colour", "sensor", "ONNX, fitted", *(f"{teacher.name}, scaled" for teacher in ours))
write_image(Path(sys.argv[3]), sheet(rows, titles, captions))
