"""Images that drive a fitted model's neurons most."""

from daenr_tf.commands.main import recipe

if __name__ == "__main__":
    recipe("synthesize")
