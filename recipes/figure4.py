"""Figure 4 of the paper: significant neurons with and without the decoder."""

from daenr_tf.experiments.command import main

if __name__ == "__main__":
    main("figure4")
