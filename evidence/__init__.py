"""The domain of Custos: what a recording is and what must always hold about it.

Standard library only and no I/O, so that every rule here can be tested without a disk, a clock or a
network. Everything else implements the ports in `evidence.ports` or uses them.
"""
