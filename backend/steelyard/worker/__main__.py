"""Runs the agent as a file, isolated and without site: nothing but this puts our own folder on the path."""

from __future__ import annotations

import os
import sys

# backend/steelyard/worker/__main__.py -> backend
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from steelyard.worker.agent import main

if __name__ == "__main__":
    sys.exit(main())
