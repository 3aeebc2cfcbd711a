"""Test frameworks: how a command is run so that it tells about each test, and what its telling is worth."""
