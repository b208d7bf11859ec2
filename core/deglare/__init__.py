"""deglare: monocular depth on reflective surfaces."""

__version__ = "0.1.0"
