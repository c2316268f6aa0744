"""The paper's tables and figures: all of them, or those that --only names."""

from daenr_tf.commands.reproduce import main

if __name__ == "__main__":
    main("reproduce")
