"""Figure 3 of the paper: significant neurons in image reconstruction, region 3."""

from daenr_tf.commands.reproduce import main

if __name__ == "__main__":
    main("figure3")
