"""The WORM store in a bucket with Object Lock."""
