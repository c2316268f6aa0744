"""CAE-FR: a convolutional autoencoder with a factorized readout on hidden layer h_i (Table 1 of the paper)."""

from daenr_tf.commands.fit import main

if __name__ == "__main__":
    main("cae_fr")
