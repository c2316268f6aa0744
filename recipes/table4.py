"""Table 4 of the paper: predicted and observed responses: CAE-FR and CNN-FR."""

from daenr_tf.commands.reproduce import main

if __name__ == "__main__":
    main("table4")
