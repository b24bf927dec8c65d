"""The command line: what a person at a terminal, or a script, asks of a running sidecar."""
