"""Table 3 of the paper: image reconstruction with significant and with insignificant neurons."""

from daenr_tf.commands.reproduce import main

if __name__ == "__main__":
    main("table3")
