"""Figure 5 of the paper: training stimuli."""

from daenr_tf.commands.reproduce import main

if __name__ == "__main__":
    main("figure5")
