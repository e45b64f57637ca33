"""How evidence goes out: every access is on record before its first byte."""
