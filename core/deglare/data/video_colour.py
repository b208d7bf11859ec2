"""Colours of a decoded frame: 8 bits as screens show them, whatever the camera stored.

High dynamic range (PQ or HLG) is brought down plainly: light in nits, one curve that keeps what is darker than paper
white and bends what is brighter, primaries of ordinary screens. It is the same curve for every frame, so that
brightness does not flicker.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, UInt8, UInt16

PQ, HLG = 16, 18
"""Transfer functions as videos number them (ITU-T H.273)."""

PAPER_WHITE_NITS = 203.0
"""ITU-R BT.2408: the light of white paper in a picture of high dynamic range."""

PEAK_NITS = 1000.0
WIDE_TO_SCREEN = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], dtype=np.float32
)
"""Linear BT.2020 to linear BT.709."""


def is_high_range(transfer: int) -> bool:
    """Whether a transfer function stores more light than a screen shows."""
    return transfer in (PQ, HLG)


def screen_colours(stored: UInt16[np.ndarray, "h w 3"], transfer: int) -> UInt8[np.ndarray, "h w 3"]:
    """8-bit sRGB of a frame stored with PQ or HLG and BT.2020 primaries."""
    signal = stored.astype(np.float32) / np.float32(65535)
    light = (nits_of_pq(signal) if transfer == PQ else nits_of_hlg(signal)) / np.float32(PAPER_WHITE_NITS)
    on_screen = np.clip(bent(light) @ WIDE_TO_SCREEN.T, 0, 1)
    return np.rint(srgb(on_screen) * 255).astype(np.uint8)


def nits_of_pq(signal: Float32[np.ndarray, "*n"]) -> Float32[np.ndarray, "*n"]:
    """Light of a signal in [0, 1], SMPTE ST 2084."""
    root = np.power(signal, 1 / 78.84375)
    top = np.maximum(root - 0.8359375, 0)
    return (10000 * np.power(top / (18.8515625 - 18.6875 * root), 1 / 0.1593017578125)).astype(np.float32)


def nits_of_hlg(signal: Float32[np.ndarray, "*n"]) -> Float32[np.ndarray, "*n"]:
    """Light of a signal in [0, 1] on a screen of 1000 nits, ITU-R BT.2100 with its gamma of 1.2 by channel."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    return (PEAK_NITS * np.power(scene, 1.2)).astype(np.float32)


def bent(light: Float32[np.ndarray, "*n"]) -> Float32[np.ndarray, "*n"]:
    """1 is paper white: a curve through 0 that never reaches 1 and is nearly straight in the dark."""
    knee = np.float32(0.6)
    over = np.maximum(light - knee, 0)
    return np.where(light <= knee, light, knee + (1 - knee) * over / (over + (1 - knee))).astype(np.float32)


def srgb(linear: Float32[np.ndarray, "*n"]) -> Float32[np.ndarray, "*n"]:
    """The signal of linear light in [0, 1]."""
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.power(linear, 1 / 2.4) - 0.055).astype(np.float32)
