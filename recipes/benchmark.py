"""What training and serving cost on this machine."""

from daenr_tf.commands.main import recipe

if __name__ == "__main__":
    recipe("benchmark")
