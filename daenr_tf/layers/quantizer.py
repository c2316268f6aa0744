"""The VQ-VAE's bottleneck (van den Oord et al. 2017, https://arxiv.org/abs/1711.00937)."""

from collections.abc import Iterable
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from daenr_tf.layers.part import Part
from daenr_tf.layers.replicas import sum_over_replicas
from daenr_tf.layers.seeds import derive_seed
from daenr_tf.layers.terms import Term, Terms
from daenr_tf.setting_checks import one_of, whole

COMMITMENT = 0.25  # beta of van den Oord et al. 2017, Eq. 3
DECAY = 0.99  # gamma of their appendix A.1
SMOOTHING = 1e-5  # Laplace smoothing of the counts, as in the authors' own implementation (Sonnet)
REVIVAL = 1.0  # a code with a smaller averaged count is replaced: Dhariwal et al. 2020, section 3.1


@keras.saving.register_keras_serializable(package="daenr_tf")
class QuantizedBottleneck(Part):
    """A 1x1 projection to `code_dim`, then each grid cell's vector is replaced by the nearest of K
    codes.

    A worked shape: h4 (batch, 8, 8, 48) -> projected (batch, 8, 8, 256) -> indices (batch, 8, 8) ->
    codes (batch, 8, 8, 256). The gradient passes straight through from the codes to the projection.

    Terms: `commitment`, the mean squared distance of the projection to its (fixed) code, weight
    0.25; `codebook`, the same distance seen from the codes, weight 1, where `codebook_update` is
    "loss"; `codebook_perplexity`, exp of the entropy of code usage in the batch, which is only
    logged.

    Args:
        codebook_size: int, K.
        code_dim: int, D.
        codebook_update: "ema", exponential moving averages of the vectors that chose each code,
            with a revival of codes that none chooses, or "loss", the plain codebook loss (Eq. 3).
        pixels: int, height * width * channels of the image; not needed here.
        seed: int, of the initial weights and of the revived codes.
    """

    units: ClassVar[dict[str, tuple[str, str]]] = {
        "commitment": ("commitment", "squared distance to the code"),
        "codebook": ("codebook", "squared distance to the code"),
        "codebook_perplexity": ("codebook perplexity", "codes in use (1 to K)"),
    }

    def __init__(
        self,
        codebook_size: int = 32,
        code_dim: int = 256,
        codebook_update: str = "ema",
        pixels: int = 1024,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        whole("codebook_size", codebook_size, 1)
        whole("code_dim", code_dim, 1)
        one_of("codebook_update", codebook_update, ("ema", "loss"))
        self.pixels = pixels
        self.codebook_size = codebook_size
        self.code_dim = code_dim
        self.codebook_update = codebook_update
        self.seed = seed
        self.projection = keras.layers.Dense(
            code_dim,
            name="projection",
            dtype=self.dtype_policy,
            kernel_initializer=keras.initializers.GlorotUniform(
                seed=derive_seed(seed, "projection")
            ),
        )

    @property
    def term_names(self) -> tuple:
        """The names of its terms, in their order; `codebook` only with the codebook loss."""
        return (
            "commitment",
            *(["codebook"] if self.codebook_update == "loss" else []),
            "codebook_perplexity",
        )

    def build(self, input_shape: tuple) -> None:
        self.projection.build(input_shape)
        self.code_shape = (*input_shape[1:3], self.code_dim)
        learned = self.codebook_update == "loss"
        codes = (self.codebook_size, self.code_dim)
        uniform = keras.initializers.RandomUniform(
            -1.0, 1.0, seed=derive_seed(self.seed, "codebook")
        )
        shared = {
            "trainable": False,
            "dtype": "float32",
            "autocast": False,
            "aggregation": "only_first_replica",
        }
        if learned:
            self.codebook = self.add_weight(
                name="codebook", shape=codes, initializer=uniform, dtype="float32", autocast=False
            )
        else:
            self.codebook = self.add_weight(
                name="codebook", shape=codes, initializer=uniform, **shared
            )
            self.counts = self.add_weight(
                name="counts", shape=codes[:1], initializer="zeros", **shared
            )
            self.sums = self.add_weight(name="sums", shape=codes, initializer="zeros", **shared)
            self.updates = self.add_weight(
                name="updates", shape=(), initializer="zeros", **{**shared, "dtype": "int32"}
            )
        self.built = True

    def project(self, hidden: tf.Tensor) -> tf.Tensor:
        """(batch, height, width, channels) -> (batch, height, width, code_dim) float32."""
        return tf.cast(self.projection(hidden), tf.float32)

    def indices(self, projected: tf.Tensor) -> tf.Tensor:
        """(batch, height, width, code_dim) -> (batch, height, width) int32, the nearest code's
        number.
        """
        codes = tf.convert_to_tensor(self.codebook)
        distances = tf.reduce_sum(codes**2, axis=1) - 2.0 * tf.einsum(
            "bhwd,kd->bhwk", projected, codes
        )
        return tf.argmin(distances, axis=-1, output_type=tf.int32)

    def call(
        self, hidden: tf.Tensor, draws: tf.Tensor | None = None, training: bool = False
    ) -> tuple[tf.Tensor, Terms]:
        projected = self.project(hidden)
        indices = self.indices(projected)
        codes = tf.gather(tf.convert_to_tensor(self.codebook), indices)

        def distance(a, b):
            return tf.reduce_mean((a - b) ** 2, axis=(1, 2, 3))

        terms = {
            "commitment": Term(distance(projected, tf.stop_gradient(codes)), COMMITMENT),
            "codebook_perplexity": Term(self._batch_perplexity(indices), 0.0),
        }
        if self.codebook_update == "loss":
            terms["codebook"] = Term(distance(tf.stop_gradient(projected), codes))
        elif training and self.trainable:
            self._move_codes(tf.stop_gradient(projected), indices, draws)
        return projected + tf.stop_gradient(codes - projected), terms

    def _batch_perplexity(self, indices):
        chosen = tf.one_hot(tf.reshape(indices, [-1]), self.codebook_size)
        (counts,) = sum_over_replicas([tf.reduce_sum(chosen, axis=0)])
        share = counts / tf.maximum(tf.reduce_sum(counts), 1.0)
        return tf.fill(tf.shape(indices)[:1], tf.exp(-tf.reduce_sum(tf.math.xlogy(share, share))))

    def _move_codes(self, projected, indices, draws):
        """Move the averages and the codes by one step, over all replicas (appendix A.1)."""
        chosen = tf.one_hot(tf.reshape(indices, [-1]), self.codebook_size)
        vectors = tf.reshape(projected, [tf.size(indices), self.code_dim])
        fresh = self._random_vectors(projected, draws)
        counts, sums, fresh = sum_over_replicas(
            [tf.reduce_sum(chosen, axis=0), tf.matmul(chosen, vectors, transpose_a=True), fresh]
        )
        first = tf.equal(tf.convert_to_tensor(self.updates), 0)
        keep = tf.where(first, 0.0, DECAY)
        counts = keep * self.counts + (1.0 - keep) * counts
        sums = keep * self.sums + (1.0 - keep) * sums
        dead = counts < REVIVAL
        counts = tf.where(dead, REVIVAL, counts)
        sums = tf.where(dead[:, None], REVIVAL * fresh, sums)
        total = tf.reduce_sum(counts)
        smoothed = (counts + SMOOTHING) / (total + self.codebook_size * SMOOTHING) * total
        self.counts.assign(counts)
        self.sums.assign(sums)
        self.codebook.assign(sums / smoothed[:, None])
        self.updates.assign(tf.convert_to_tensor(self.updates) + 1)

    def _random_vectors(self, projected, draws):
        """(K, code_dim): K vectors at random places of the global batch, of which this replica
        gives its own.
        """
        batch, height, width = tf.unstack(tf.shape(projected)[:3])
        (examples,) = sum_over_replicas([batch])
        seed = tf.stack(
            [tf.constant(derive_seed(self.seed, "revival")), tf.convert_to_tensor(self.updates)]
        )
        uniform = tf.random.stateless_uniform([2, self.codebook_size], seed)
        example = tf.cast(uniform[0] * tf.cast(examples, tf.float32), tf.int64)
        cell = tf.cast(uniform[1] * tf.cast(height * width, tf.float32), tf.int32)
        positions = tf.cast(draws, tf.int64) % tf.cast(examples, tf.int64)
        own = tf.cast(example[:, None] == positions[None, :], tf.float32)
        candidates = tf.gather(
            tf.reshape(projected, [batch, height * width, self.code_dim]), cell, axis=1
        )
        return tf.einsum("kb,bkd->kd", own, candidates)

    def outputs(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """`indices` (batch, height, width) int32, the number of each cell's code."""
        return {"indices": self.to_code(inputs)}

    @property
    def code_spec(self) -> tf.TensorSpec:
        """(batch, height, width) int32, `indices`: the number of each cell's code."""
        return tf.TensorSpec((None, *self.code_shape[:2]), tf.int32, name="indices")

    def to_code(self, inputs: tf.Tensor) -> tf.Tensor:
        """(batch, height, width, channels) -> (batch, height, width) int32."""
        return self.indices(self.project(inputs))

    def from_code(self, code: tf.Tensor) -> tf.Tensor:
        """The codes of numbers (batch, height, width), (batch, height, width, code_dim).

        A number that no code has is an `InvalidArgumentError`: some devices would give zeros for it.
        """
        known = tf.reduce_all((code >= 0) & (code < self.codebook_size))
        lowest, highest = tf.reduce_min(code), tf.reduce_max(code)
        said = [f"indices: expected numbers from 0 to {self.codebook_size - 1}, found"]
        said += [lowest, "to", highest]
        with tf.control_dependencies([tf.debugging.Assert(known, said)]):
            return tf.gather(tf.convert_to_tensor(self.codebook), code)

    def diagnostics(self, batches: Iterable) -> tuple[dict[str, float], list[str]]:
        """`codebook_perplexity` over all cells of all images."""
        indices = np.concatenate([self.outputs(hidden)["indices"] for hidden in batches])
        return {"codebook_perplexity": perplexity(indices, self.codebook_size)}, []

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (*input_shape[:-1], self.code_dim)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "codebook_size": self.codebook_size,
            "code_dim": self.code_dim,
            "codebook_update": self.codebook_update,
            "pixels": self.pixels,
            "seed": self.seed,
        }


def perplexity(indices: ArrayLike, codebook_size: int) -> float:
    """exp of the entropy of code usage, 1 (one code) to K (all alike), of any array of code
    numbers.
    """
    share = np.bincount(np.asarray(indices).ravel(), minlength=codebook_size) / np.size(indices)
    share = share[share > 0]
    return float(np.exp(-(share * np.log(share)).sum()))
