"""Procedural reflective rooms with exact depth, poses and masks."""
