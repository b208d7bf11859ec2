"""A finished run, read: every pixel, why it is wrong, and what its surfaces and numbers are. Nothing is written."""
