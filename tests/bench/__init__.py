"""Measurements of the engine on this machine: `make bench`. README.md says how each figure is taken."""
