"""Real bugs through the verifier, beside a plain run of the same tests."""
