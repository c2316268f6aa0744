"""VQ-VAE-FM: a vector-quantised autoencoder with a fixed-mask readout on hidden layer h_i (Table 1 of the paper)."""

from daenr_tf.commands.fit import main

if __name__ == "__main__":
    main("vqvae_fm")
