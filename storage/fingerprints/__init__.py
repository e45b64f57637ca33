"""Fingerprints on disk: a log of marks, and sorted runs in which a recording is found by any of its marks."""
