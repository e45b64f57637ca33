"""WORM stores and the staging disk."""
