"""Table 7 of the paper: the recordings."""

from daenr_tf.commands.reproduce import main

if __name__ == "__main__":
    main("table7")
