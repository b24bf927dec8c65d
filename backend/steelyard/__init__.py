"""Steelyard runs long, memory-hungry simulations side by side on one desktop machine, safely."""

__version__ = "0.1.0"
