"""Values of a grid between its cells, weighted, for many places of every image, in little memory."""

import tensorflow as tf


@tf.custom_gradient
def read_at(grid: tf.Tensor, places: tf.Tensor, weights: tf.Tensor) -> tuple[tf.Tensor, object]:
    """sum over channels of weights_nc * grid_bc(place_bn), by bilinear interpolation.

    One image is worked on at a time, forward and backward, and what the backward pass needs is computed
    again: beside its arguments it takes memory for one image's places (4 * places * channels numbers, and as
    many again for their gradients), and never for places times cells.

    Args:
        grid: (batch, height, width, channels) float32.
        places: (batch or 1, places, 2) float32, row and column in cells, within 0 … height - 1 and 0 … width - 1.
        weights: (places, channels) float32.

    Returns:
        (batch, places) float32.
    """
    height, width, channels = grid.shape[1:]
    cells = tf.reshape(grid, [-1, height * width, channels])
    shared = places.shape[0] == 1
    every = tf.range(tf.shape(grid)[0])

    def of(image):
        return cells[image], places[0 if shared else image]

    def forward(image):
        return tf.reduce_sum(_corners(*of(image), weights, height, width)[0], axis=-1)

    read = tf.map_fn(
        forward,
        every,
        parallel_iterations=1,
        fn_output_signature=tf.TensorSpec(weights.shape[:1], tf.float32),
    )

    def gradient(upstream):
        def backward(by_weights, image):
            own, where = of(image)
            _, numbers, shares, seen, slopes = _corners(own, where, weights, height, width)
            up = upstream[image][:, tf.newaxis]
            scaled = shares * up  # (places, 4)
            by_weights += tf.einsum("nk,nkc->nc", scaled, seen)
            by_cells = tf.math.unsorted_segment_sum(
                tf.reshape(scaled[..., tf.newaxis] * weights[:, tf.newaxis], [-1, channels]),
                tf.reshape(numbers, [-1]),
                height * width,
            )
            return by_weights, by_cells, slopes * up

        by_weights, by_cells, by_places = tf.zeros_like(weights), None, None
        count = tf.shape(grid)[0]
        kept = [
            tf.TensorArray(tf.float32, count, element_shape=shape)
            for shape in ([height * width, channels], [weights.shape[0], 2])
        ]

        def body(image, by_weights, cells_kept, places_kept):
            by_weights, by_cells, by_places = backward(by_weights, image)
            return (
                image + 1,
                by_weights,
                cells_kept.write(image, by_cells),
                places_kept.write(image, by_places),
            )

        _, by_weights, *kept = tf.while_loop(
            lambda image, *_: image < count, body, (0, by_weights, *kept), parallel_iterations=1
        )
        by_cells, by_places = (one.stack() for one in kept)
        by_places = tf.reduce_sum(by_places, axis=0, keepdims=True) if shared else by_places
        return tf.reshape(by_cells, tf.shape(grid)), by_places, by_weights

    return read, gradient


def _corners(cells, places, weights, height, width):
    """Of one image's places: what each of the four cells around adds (places, 4), their numbers, their shares,
    their values (places, 4, channels), and the slopes of the sum along row and column (places, 2).
    """
    last = tf.constant([max(height - 2, 0), max(width - 2, 0)], tf.float32)
    low = tf.clip_by_value(tf.floor(places), 0.0, last)
    part = places - low
    row, column = tf.unstack(tf.cast(low, tf.int32), axis=-1)
    first = row * width + column
    down, right = (width if height > 1 else 0), (1 if width > 1 else 0)
    numbers = tf.stack([first, first + right, first + down, first + down + right], axis=-1)
    y, x = part[:, 0], part[:, 1]
    shares = tf.stack([(1 - y) * (1 - x), (1 - y) * x, y * (1 - x), y * x], axis=-1)
    seen = tf.gather(cells, numbers)
    values = tf.einsum("nkc,nc->nk", seen, weights)
    a, b, c, d = tf.unstack(values, axis=-1)
    slopes = tf.stack([(1 - x) * (c - a) + x * (d - b), (1 - y) * (b - a) + y * (d - c)], axis=-1)
    return shares * values, numbers, shares, seen, slopes
