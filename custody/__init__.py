"""Why the evidence can be believed: signatures today, the Merkle log next."""
