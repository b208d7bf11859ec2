"""What all attacks use."""

from breaking import copy_of, glare

__all__ = ["copy_of", "glare"]
