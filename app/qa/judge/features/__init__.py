"""Features of a session that can be counted without a model; each is a pure function from a ``Session`` to a ``Measure``."""
