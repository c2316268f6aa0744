"""CAE-GR: a convolutional autoencoder with a Gaussian readout on hidden layer h_i; the paper has none."""

from daenr_tf.commands.fit import main

if __name__ == "__main__":
    main("cae_gr")
