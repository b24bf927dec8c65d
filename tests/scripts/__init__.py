"""Tests of what stands in `scripts/` and of the project's own files."""
