"""Experiments: whole tables as plans of steps, each finished once, and what their numbers say."""
