"""Settings found on the validation set, the same number of tries for every recipe."""

from daenr_tf.commands.main import recipe

if __name__ == "__main__":
    recipe("tune")
