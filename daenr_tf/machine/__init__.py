"""What the house stands on: files, memory, and what is said to the user."""
