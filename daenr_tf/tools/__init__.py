"""What developers run: the documentation's figures, checks of the statistics."""
