"""What is asked of a fitted model: what drives its neurons, and how far its population can be driven."""
