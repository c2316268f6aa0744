"""daenr_tf: joint models of an image and of the brain's response to it."""
