"""Decides where jobs run."""
