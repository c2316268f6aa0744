"""One module per model; `python -m recipes.<name>` runs it."""
