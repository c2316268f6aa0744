"""Figure 8 of the paper: significant neurons in image reconstruction, regions 1 and 2."""

from daenr_tf.commands.reproduce import main

if __name__ == "__main__":
    main("figure8")
