"""Receptive fields of a fitted model's neurons."""

from daenr_tf.commands.main import recipe

if __name__ == "__main__":
    recipe("fields")
