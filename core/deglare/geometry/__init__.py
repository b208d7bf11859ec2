"""Projection, warping, flips, resizing, normals and mirrors, as pure functions on batches of tensors."""
