"""One run: its directory, its state, what it leaves."""
