"""Ridge regression where responses are missing: every neuron over its own images."""

import numpy as np

MOST_STEPS = 500
ACCURACY = 1e-8  # of the gradient, as a share of what it starts from


class Incomplete:
    """The weights w and the bias that minimise mean (r - w z - bias)² + strength |w|², the mean over the images that a neuron was recorded on.

    Neurons share no normal equations then, so they are solved by conjugate gradients, all neurons at once, begun from the solution of the
    strength before.

    Args:
        seen: (images, axes), where the training images lie along the axes.
        responses: (images, neurons), NaN where one is missing. A neuron without any has weights and bias of 0.
    """

    def __init__(self, seen: np.ndarray, responses: np.ndarray) -> None:
        known = ~np.isnan(responses)
        self.seen = seen
        self.share = known / np.maximum(known.sum(axis=0), 1)  # (images, neurons), columns sum to 1
        self.mean = (self.share * np.where(known, responses, 0)).sum(axis=0)
        self.center = seen.T @ self.share  # (axes, neurons), of a neuron's own images
        self.along = seen.T @ (self.share * np.where(known, responses - self.mean, 0))
        self.weights = np.zeros_like(self.along)

    def __call__(self, strength: float, power: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The solution of a strength, (axes, neurons) weights and (neurons,) bias; `power` (axes,) is the variance of `seen`."""
        curvature = (power + strength)[:, None]
        weights = self.weights.copy()
        left = self.along - self._applied(weights, strength)
        direction = scaled = left / curvature
        size = (left * scaled).sum(axis=0)
        enough = ACCURACY**2 * (self.along**2 / curvature).sum(axis=0)
        for _ in range(MOST_STEPS):
            if (size <= enough).all():
                break
            applied = self._applied(direction, strength)
            steepness = (direction * applied).sum(axis=0)
            going = (size > enough) & (steepness > 0)
            step = np.where(going, size / np.where(going, steepness, 1), 0)
            weights = weights + step * direction
            left = left - step * applied
            scaled = left / curvature
            before, size = size, (left * scaled).sum(axis=0)
            direction = scaled + size / np.where(before > 0, before, 1) * direction
        self.weights = weights
        return weights, self.mean - (self.center * weights).sum(axis=0)

    def _applied(self, weights, strength):
        """The curvature of what is minimised, times weights."""
        output = self.seen @ weights
        output = output - (self.share * output).sum(axis=0)
        return self.seen.T @ (self.share * output) + strength * weights
