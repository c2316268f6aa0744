"""The joint model: made of its parts, built, saved and exported."""
