"""What developers run: benchmarks, the documentation's figures, checks of the statistics."""
