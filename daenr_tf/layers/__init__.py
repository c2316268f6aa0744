"""The parts that the models are made of. None of them knows any data."""
