"""The machine: one piece of the outside world each, behind one small interface on every system."""
