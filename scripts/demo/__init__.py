"""The demonstration that `scripts/start.py` ends with: it speaks to the sidecar as any client does."""
