"""Small tools that know nothing of traces."""
