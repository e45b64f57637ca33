"""What runs outside the server; no server code is imported here."""
