"""What runs inside the container: ours, trusted, and told apart from the code under test by being there first."""
