"""The readouts of several recordings on one hidden layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from daenr_tf.errors import InputError
from daenr_tf.layers.part import Part
from daenr_tf.layers.terms import Term, Terms

if TYPE_CHECKING:
    from daenr_tf.layers.readouts import Readout
    from daenr_tf.models.build import TrainingParts

PADDING = (
    1.0  # the rate of a neuron that is not there: finite in the Poisson loss, and of no gradient
)


@keras.saving.register_keras_serializable(package="daenr_tf")
class ReadoutsOfSeveral(Part):
    """A readout for each of several recordings, all of one kind and with the same settings.

    Called on h_i (batch, height, width, channels) alone it answers for every neuron of every recording: (batch, neurons), the recordings one after
    the other. Called with `whose` (batch,) int, the number of the recording that an image belongs to, each readout sees its own images only, so
    that an image costs what it costs with one recording: (batch, widest), widest being the largest number of neurons of a recording; what lies
    beyond an image's own neurons is 1.

    Its terms are those of one readout. A penalty on weights is the mean over the neurons of all recordings.

    Args:
        members: the `Readout`s.
        names: of the recordings, in the same order.

    Raises:
        InputError: not as many names as readouts, or one of them twice.
    """

    def __init__(self, members: Sequence[Readout], names: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.members, self.names = list(members), list(names)
        if len(self.members) != len(set(self.names)) or not self.members:
            raise InputError(
                f"names: expected {len(self.members)} different ones, found {', '.join(self.names) or 'none'}"
            )
        self.term_names = tuple(self.members[0].term_names)
        self.units = self.members[0].units
        self.split_matters = any(member.split_matters for member in self.members)

    @property
    def neurons(self) -> int:
        """Of all recordings together."""
        return sum(member.neurons for member in self.members)

    @property
    def recordings(self) -> dict[str, int]:
        """dict of the recordings' names -> number of neurons."""
        return {name: member.neurons for name, member in zip(self.names, self.members, strict=True)}

    @property
    def neurons_of_an_image(self) -> float:
        """The mean number of neurons of a recording."""
        return self.neurons / len(self.members)

    def member(self, name: str) -> Readout:
        """The readout of a recording."""
        return self.members[self.names.index(name)]

    def build(self, input_shape: tuple) -> None:
        for member in self.members:
            if not member.built:
                member.build(input_shape)
        self.built = True

    def call(
        self,
        hidden: tf.Tensor,
        draws: tf.Tensor | None = None,
        training: bool = False,
        whose: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, Terms]:
        if whose is None:
            answers = [member(hidden, draws=draws, training=training) for member in self.members]
            rates = tf.concat([rate for rate, _ in answers], axis=1)
            return rates, self._together([terms for _, terms in answers], None)
        whose, count = tf.cast(whose, tf.int32), len(self.members)
        places = tf.dynamic_partition(tf.range(tf.shape(whose)[0]), whose, count)
        parts = tf.dynamic_partition(hidden, whose, count)
        drawn = [None] * count if draws is None else tf.dynamic_partition(draws, whose, count)
        widest, rates, terms = max(self.recordings.values()), [], []
        for member, part, numbers in zip(self.members, parts, drawn, strict=True):
            rate, own = member(part, draws=numbers, training=training)
            beyond = [[0, 0], [0, widest - member.neurons]]
            rates.append(tf.pad(rate, beyond, constant_values=PADDING))
            terms.append(own)
        rates = tf.ensure_shape(tf.dynamic_stitch(places, rates), [None, widest])
        return rates, self._together(terms, places)

    def _together(self, terms, places):
        """The terms of one readout, of those of all; `places` of the images of each, None where every readout sees all."""
        result = {}
        for name, first in terms[0].items():
            values = [tf.cast(own[name].value, tf.float32) for own in terms]
            if not values[0].shape.rank:
                shares = [member.neurons / self.neurons for member in self.members]
                value = tf.add_n([v * share for v, share in zip(values, shares, strict=True)])
            elif places is None:
                value = tf.add_n(values) / len(values)
            else:
                value = tf.dynamic_stitch(places, values)
            result[name] = Term(value, first.weight)
        return result

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (input_shape[0], self.neurons)

    def initialize(self, training: TrainingParts) -> None:
        """Start each readout from its own recording's training images."""
        for member, part in zip(self.members, training.parts, strict=True):
            member.initialize(part)

    def outputs(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """`response_<name>` (batch, neurons) of each recording, for h_i."""
        return {
            f"response_{name}": member(inputs)[0]
            for name, member in zip(self.names, self.members, strict=True)
        }

    def check_weights(self) -> None:
        """Raises `InputError` for weights that a readout can't have."""
        for member in self.members:
            member.check_weights()

    def get_config(self) -> dict:
        members = [keras.saving.serialize_keras_object(member) for member in self.members]
        for member in members:
            member.pop("build_config", None)  # the model builds its parts
        return {**super().get_config(), "members": members, "names": self.names}

    @classmethod
    def from_config(cls, config: dict) -> ReadoutsOfSeveral:
        """The reverse of `get_config`, of files too that say how a readout was built."""
        config = dict(config)
        config["members"] = [
            keras.saving.deserialize_keras_object(
                {key: value for key, value in member.items() if key != "build_config"}
            )
            if isinstance(member, dict)
            else member
            for member in config["members"]
        ]
        return cls(**config)
