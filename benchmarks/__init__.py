"""Figures side by side with what would be the least that a server could do: see ``docs/explanation/benchmarks.md``."""
