"""Figure 7 of the paper: reconstructed images, region 2."""

from daenr_tf.commands.reproduce import main

if __name__ == "__main__":
    main("figure7")
