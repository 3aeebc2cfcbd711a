"""Datasets out of traces: one file for each format, beside what all of them share."""
