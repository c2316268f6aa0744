"""A run that is asked for once more, with a larger `max_steps`."""

from daenr_tf.training import Observer


class Lengthening(Observer):
    """Makes an unfinished run of a shorter one, once its state was read and found to be this run's.

    Not before: a run whose state can't be used loses nothing.

    Args:
        directory: `RunDirectory`.
    """

    def __init__(self, directory):
        self.directory = directory

    def started(self, state):
        self.directory.lengthen()
