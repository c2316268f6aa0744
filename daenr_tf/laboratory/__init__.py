"""Virtual experiments: stimuli that are shown to a fitted model, and what is measured of its answers."""
