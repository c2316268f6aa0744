"""CNN-GR: the encoder up to h_i with a Gaussian readout, the baseline for response prediction."""

from daenr_tf.commands.fit import main

if __name__ == "__main__":
    main("cnn_gr")
