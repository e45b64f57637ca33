"""Golden vectors: bytes that must never change for a version."""
