"""Table 5 of the paper: image reconstruction by all variants."""

from daenr_tf.commands.reproduce import main

if __name__ == "__main__":
    main("table5")
