"""Computes a result from a trace; never sees a store."""
