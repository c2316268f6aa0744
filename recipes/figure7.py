"""Figure 7 of the paper: reconstructed images, region 2."""

from daenr_tf.experiments.command import main

if __name__ == "__main__":
    main("figure7")
