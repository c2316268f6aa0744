"""VQ-VAE: a vector-quantised autoencoder alone, the baseline for image reconstruction."""

from daenr_tf.commands.fit import main

if __name__ == "__main__":
    main("vqvae")
