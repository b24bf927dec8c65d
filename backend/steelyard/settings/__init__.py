"""What people set: environment variables, preferences, and the TOML files that describe simulations.

The supervisor, the command line and the doctor enter here; nobody else reads the environment.
"""
