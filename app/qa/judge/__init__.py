"""Scores the reasoning of a trace against a rubric."""
