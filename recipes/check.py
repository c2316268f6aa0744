"""What a recording holds, and whether it can be used."""

from daenr_tf.commands.main import recipe

if __name__ == "__main__":
    recipe("check")
