"""How the frozen program is put together: what goes in, and its first lines. `freeze.py` enters here."""
