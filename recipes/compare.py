"""Several runs in one table."""

from daenr_tf.commands.main import recipe

if __name__ == "__main__":
    recipe("compare")
