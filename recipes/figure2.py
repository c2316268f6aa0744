"""Figure 2 of the paper: reconstructed images, region 3."""

from daenr_tf.commands.reproduce import main

if __name__ == "__main__":
    main("figure2")
