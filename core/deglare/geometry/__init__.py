"""Projection, warping and flips, as pure functions on tensors."""
