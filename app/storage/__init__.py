"""Keeps what it is given; decides nothing."""
