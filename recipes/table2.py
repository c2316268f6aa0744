"""Table 2 of the paper: image reconstruction with all neurons."""

from daenr_tf.commands.reproduce import main

if __name__ == "__main__":
    main("table2")
