"""The HTTP and WebSocket API over a lake."""
