"""A virtual experiment on a fitted model."""

from daenr_tf.commands.main import recipe

if __name__ == "__main__":
    recipe("experiment")
