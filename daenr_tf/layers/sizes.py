"""The sizes of the encoder and the decoder, which can be asked for without TensorFlow."""

FILTERS = 48
KERNEL = 3
ENCODER_STRIDES = (2, 1, 2, 1)
DECODER_STRIDES = (1, 2, 1)  # of its blocks; a last transposed convolution of stride 2 makes the image
