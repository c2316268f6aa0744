"""CNN-FC: the encoder up to h_i with a fully connected readout, the baseline for response prediction."""

from daenr_tf.commands.fit import main

if __name__ == "__main__":
    main("cnn_fc")
