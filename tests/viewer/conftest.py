"""What all tests of the studio use."""

from breaking import copy_of, glare

__all__ = ["copy_of", "glare"]
