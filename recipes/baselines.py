"""What is known of a recording without a network."""

from daenr_tf.commands.main import recipe

if __name__ == "__main__":
    recipe("baselines")
