"""The edge over a real socket: what it answers, and whom it refuses."""
