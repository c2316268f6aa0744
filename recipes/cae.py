"""CAE: a convolutional autoencoder alone, the baseline for image reconstruction."""

from daenr_tf.commands.fit import main

if __name__ == "__main__":
    main("cae")
