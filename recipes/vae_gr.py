"""VAE-GR: a variational autoencoder with a Gaussian readout on hidden layer h_i; the paper has none."""

from daenr_tf.commands.fit import main

if __name__ == "__main__":
    main("vae_gr")
