"""Runs a stranger's code where it can harm no one."""
