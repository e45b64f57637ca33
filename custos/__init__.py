"""Settings, wiring, and the `custos` command line."""

__version__ = "0.1.0"
