"""A web page on this machine to look at a fitted model."""

from daenr_tf.commands.main import recipe

if __name__ == "__main__":
    recipe("explore")
