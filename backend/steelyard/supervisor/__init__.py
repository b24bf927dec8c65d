"""Owns the children and decides everything: the only package that starts, watches and ends workers."""
