"""Table 6 of the paper: predicted and observed responses: all variants."""

from daenr_tf.commands.reproduce import main

if __name__ == "__main__":
    main("table6")
