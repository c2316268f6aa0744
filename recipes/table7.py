"""Table 7 of the paper: the recordings."""

from daenr_tf.experiments.command import main

if __name__ == "__main__":
    main("table7")
