"""Recordings: NumPy only, no model and no TensorFlow."""
