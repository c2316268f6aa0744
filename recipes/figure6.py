"""Figure 6 of the paper: reconstructed images, region 1."""

from daenr_tf.commands.reproduce import main

if __name__ == "__main__":
    main("figure6")
