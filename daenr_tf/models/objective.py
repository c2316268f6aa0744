"""The loss of a model with heads: that of each head, its terms, and a step down their weighted sum (the paper's Eq. 3 and 7)."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from daenr_tf.layers.replicas import sum_over_replicas
from daenr_tf.layers.seeds import example_numbers
from daenr_tf.layers.terms import Term, Terms

MOST_DRAWS = 2**32  # examples of a step in `fit`, so that no two steps share a draw
MAY_LACK = ("response",)  # heads whose targets may be NaN where something wasn't recorded
LOSSES = {"reconstruction": keras.losses.MeanSquaredError, "response": keras.losses.Poisson}


class ObjectiveModel(keras.Model):
    """A Keras model that is trained on the sum of its heads' losses and of the terms beside them, each weighted.

    A model of this kind has `heads`, a list of names out of `LOSSES`; `forward`, which gives its outputs and the terms of each head; and
    `trackers`, a dict of the names of the loss and of all terms -> `keras.metrics.Mean`.

    Attributes:
        head_weights: dict of head -> float, the `loss_weights` that it was compiled with.
        lacking: names of the heads whose targets may be missing. `train` narrows them to those of its recording while it trains: with nothing
            to look for, the graph and its rounding are those of a loss without missing targets.
    """

    lacking = MAY_LACK

    def keep_penalties(self, terms: dict[str, Terms]) -> None:
        """Let `losses` have every term but MSE and Poisson, weighted as in the total loss."""
        weights = getattr(self, "head_weights", None) or dict.fromkeys(self.heads, 1.0)
        for head, own in terms.items():
            for term in own.values():
                if term.weight:
                    self.add_loss(
                        weights[head]
                        * term.weight
                        * tf.reduce_mean(tf.cast(term.value, tf.float32))
                    )

    def compile(
        self,
        optimizer: str | keras.optimizers.Optimizer = "adam",
        loss: dict[str, str | keras.losses.Loss] | None = None,
        loss_weights: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """As Keras' `compile`; `loss` defaults to MSE for `reconstruction` and Poisson for `response`.

        Args:
            loss: dict of head -> Keras loss or its name.
            loss_weights: dict of head -> float, alpha for `reconstruction` and beta for `response`, times the number of pixels or neurons
                where the loss is to be their sum; 1 by default.

        Raises:
            ValueError: a name is none of the model's heads, or metrics were given; every term of the loss is logged as it is.
        """
        for argument, given in (("loss", loss), ("loss_weights", loss_weights)):
            if given is not None and not (
                isinstance(given, dict) and given.keys() <= set(self.heads)
            ):
                raise ValueError(
                    f"{argument}: expected a dict of {' and '.join(self.heads)}, the heads of the model, found {given!r}"
                )
        for argument in ("metrics", "weighted_metrics"):
            if kwargs.get(argument):
                raise ValueError(
                    f"{argument}: expected none, for the terms of the loss are what is logged, found"
                    f" {kwargs[argument]!r}"
                )
        loss = {head: LOSSES[head]() for head in self.heads} | (loss or {})
        loss = {head: keras.losses.get(loss[head]) for head in self.heads}
        self.head_weights = {
            head: float((loss_weights or {}).get(head, 1.0)) for head in self.heads
        }
        super().compile(optimizer=optimizer, loss=loss, loss_weights=self.head_weights, **kwargs)

    def get_compile_config(self) -> dict[str, Any] | None:
        """As Keras'; with it the paths of the weights that the optimizer was built for, for parts may be frozen."""
        config = super().get_compile_config()
        if config:
            config["optimized"] = [
                self.path_of(variable) for variable in self.optimizer._trainable_variables
            ]
        return config

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile as a saved model was compiled, its optimizer's variables made."""
        config = dict(config)
        weights = {self.path_of(variable): variable for variable in self.weights}
        optimized = config.pop(
            "optimized", [self.path_of(variable) for variable in self.trainable_variables]
        )
        self.compile(**keras.saving.deserialize_keras_object(config))
        if optimized:
            self.optimizer.build([weights[path] for path in optimized])

    def path_of(self, weight: keras.Variable) -> str:
        """A weight's path in the model, for example `encoder/encoder_1/convolution/kernel`."""
        return weight.path.removeprefix(f"{self.path}/")

    def loss_terms(
        self,
        images: tf.Tensor,
        targets: dict[str, tf.Tensor],
        training: bool = False,
        draws: tf.Tensor | None = None,
        whose: tf.Tensor | None = None,
    ) -> tuple[dict[str, tf.Tensor], dict[str, float]]:
        """Every term of the loss, unweighted: (dict of name -> (batch,) or scalar, dict of name -> weight in the total).

        A missing target, NaN, adds 0 to its example: the mean of a head's loss over some examples is the sum of theirs over that of `shares`.
        """
        outputs, terms = self.forward(images, training=training, draws=draws, whose=whose)
        values, weights = {}, {}
        for head in self.heads:
            target, output = targets[head], outputs[head]
            if head in self.lacking:
                target, output = _without_missing(target, output)
            each = _each(self.loss[head], target, output)
            own = {
                head: Term(tf.reduce_mean(each, axis=list(range(1, each.shape.rank)))),
                **terms[head],
            }
            for name, term in own.items():
                values[name] = tf.cast(term.value, tf.float32)
                weights[name] = weights.get(name, 0.0) + self.head_weights[head] * term.weight
        return values, weights

    def shares(self, targets: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """The share of an example's targets that is known, of each head that may lack some: dict of head -> (batch,), 1 where all are."""
        return {
            head: tf.reduce_mean(tf.where(_missing(targets[head]), 0.0, 1.0), axis=-1)
            for head in self.heads
            if head in self.lacking
        }

    def train_step(self, data: tuple[Any, ...]) -> dict[str, tf.Tensor]:
        """One step of gradient descent on the mean over the global batch, however it is divided over replicas.

        Images may come as a dict with `images` and `draws`, the examples' numbers in the order of training, and where there are several
        recordings `whose`, the number of the one that an image belongs to.
        """
        inputs, targets = _unpack(data)
        inputs = inputs if isinstance(inputs, dict) else {"images": inputs}
        images, draws, whose = (inputs.get(name) for name in ("images", "draws", "whose"))
        context = tf.distribute.get_replica_context()
        replicas, replica = context.num_replicas_in_sync, context.replica_id_in_sync_group
        own = tf.cast(tf.shape(images)[0], tf.float32)
        counts, known, totals = tf.one_hot(replica, replicas, own, 0.0), self._known(targets), {}
        if known:  # one sum over replicas for all: each costs a rendezvous
            (sums,) = sum_over_replicas([tf.concat([counts, list(known.values())], axis=0)])
            counts = sums[:replicas]
            totals = dict(zip(known, tf.unstack(sums[replicas:]), strict=True))
        else:
            (counts,) = sum_over_replicas([counts])
        total = tf.reduce_sum(counts)
        if draws is None:
            first = tf.cast(self.optimizer.iterations, tf.int64) * MOST_DRAWS
            first += tf.cast(tf.reduce_sum(counts[:replica]), tf.int64)
            draws = first + example_numbers(images)
        with tf.GradientTape() as tape:
            values, weights = self.loss_terms(
                images, targets, training=True, draws=draws, whose=whose
            )
            loss = tf.add_n(
                [
                    weights[name]
                    * (
                        _mean(value, totals.get(name), total)
                        if value.shape.rank
                        else value / replicas
                    )
                    for name, value in values.items()
                ]
            )
        variables = self.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        own_share = {
            head: tf.math.divide_no_nan(known[head] * total, totals[head] * own) for head in known
        }
        return self._track(values, weights, own, known, own_share)

    def test_step(self, data: tuple[Any, ...]) -> dict[str, tf.Tensor]:
        """The loss and its terms on one batch, without sampling."""
        images, targets = _unpack(data)
        values, weights = self.loss_terms(images, targets)
        count = tf.cast(tf.shape(images)[0], tf.float32)
        return self._track(values, weights, count, self._known(targets))

    def _known(self, targets):
        """How many examples' worth of each head's targets is known, where some may be missing: dict of head -> scalar."""
        return {head: tf.reduce_sum(share) for head, share in self.shares(targets).items()}

    def _track(self, values, weights, count, known, own_share=None):
        """Take a replica's part into the means; `own_share` is the share of its targets that is known, over that of all replicas'."""
        own_share = own_share or {}
        means = {
            name: tf.math.divide_no_nan(tf.reduce_sum(value), known.get(name, count))
            if value.shape.rank
            else value
            for name, value in values.items()
        }
        means["loss"] = tf.add_n(
            [
                weights[name]
                * (means[name] * own_share[name] if name in own_share else means[name])
                for name in values
            ]
        )
        for name, mean in means.items():
            self.trackers[name].update_state(mean, sample_weight=known.get(name, count))
        return {name: self.trackers[name].result() for name in means}

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """Keras' means, over images, of the loss and of each of its terms before their weights."""
        return list(self.trackers.values())


def _mean(value, known, count):
    """The mean of what is known, where there may be none, or else of all `count` examples."""
    if known is None:
        return tf.reduce_sum(value) / count
    return tf.math.divide_no_nan(tf.reduce_sum(value), known)


def _without_missing(target, output):
    """Both 0 where the target is missing: there a loss and its gradient are 0."""
    target = tf.cast(target, output.dtype)
    missing = _missing(target)
    zeros = tf.zeros_like(output)
    return tf.where(missing, zeros, target), tf.where(missing, zeros, output)


def _missing(target):
    return tf.math.is_nan(tf.cast(target, tf.float32))


def _each(loss, target, output):
    """A Keras loss of every example, (batch, ...), before Keras would take the mean."""
    return (
        loss.call(target, output) if isinstance(loss, keras.losses.Loss) else loss(target, output)
    )


def _unpack(data):
    inputs, targets, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    if sample_weight is not None:
        raise ValueError(
            "sample_weight: expected none, for every image of a batch counts alike, found one"
        )
    return inputs, targets
