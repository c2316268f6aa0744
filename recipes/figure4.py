"""Figure 4 of the paper: significant neurons with and without the decoder."""

from daenr_tf.commands.reproduce import main

if __name__ == "__main__":
    main("figure4")
