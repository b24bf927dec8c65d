"""Rules: pure functions and tables from values to values. No I/O, no clock, standard library only."""
