"""What a fitted model answers to images."""

from daenr_tf.commands.main import recipe

if __name__ == "__main__":
    recipe("predict")
