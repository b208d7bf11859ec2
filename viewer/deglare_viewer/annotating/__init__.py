"""Reflective surfaces marked in the browser: what the Annotate tab asks of the server."""
