"""Figures: how they look, and one file a subject."""
