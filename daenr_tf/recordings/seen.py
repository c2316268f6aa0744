"""What of a recording's images a model doesn't get to see, in sentences. Imports nothing heavy."""


def losses(recording, image_size, channels):
    """What is lost where images are made fit for a model.

    Args:
        recording: `Recording`.
        image_size: (height, width) in pixels, of what the model sees.
        channels: 1 (grey) or 3 (RGB), likewise.

    Returns:
        tuple of str, sentences without a full stop; empty where nothing is lost.
    """
    height, width, found = recording.images.shape[1:]
    told = []
    if found > channels:
        told.append("colour is turned grey (--color rgb keeps it)")
    if height > image_size[0] or width > image_size[1]:
        told.append(
            f"images of {height}x{width} pixels are shrunk to {image_size[0]}x{image_size[1]}"
            " (--image-size takes another size)"
        )
    return tuple(told)
