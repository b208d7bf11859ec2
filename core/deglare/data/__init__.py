"""Readers: one file per format, all giving a `deglare.types.Sequence`."""
