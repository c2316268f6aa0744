"""The simulated recording: stimuli, neurons, and what they answer."""
