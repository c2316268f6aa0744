"""Reconstruction against prediction over alpha:beta, and both against the number of training images."""

from daenr_tf.commands.reproduce import main

if __name__ == "__main__":
    main("tradeoff")
