"""What other tools write, as traces. Each format is one file; ``registry`` knows them all."""
