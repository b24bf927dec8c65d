"""The edge: HTTP and WebSocket in, calls of the supervisor out. Nothing is decided here; msgspec stays."""
