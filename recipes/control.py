"""Images that drive one neuron or a group of a fitted model and keep the rest down."""

from daenr_tf.commands.main import recipe

if __name__ == "__main__":
    recipe("control")
