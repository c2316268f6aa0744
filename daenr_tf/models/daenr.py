"""The joint model: one encoder, a decoder head and a readout head (the paper's Fig. 1 and Eq. 3-7)."""

from __future__ import annotations

import collections
import json
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from daenr_tf.errors import InputError
from daenr_tf.layers.seeds import example_numbers
from daenr_tf.layers.terms import Term
from daenr_tf.models.images import check_images
from daenr_tf.models.objective import ObjectiveModel
from daenr_tf.models.parts import (
    build_part,
    checked_shape,
    deserialized,
    freeze,
    modernized,
    serialized,
)
from daenr_tf.recordings.checks import bounds
from daenr_tf.resizing import DEFAULT_RESIZE, RESIZES
from daenr_tf.setting_checks import one_of, whole

if TYPE_CHECKING:
    from daenr_tf.layers.part import Part

ImageSettings = collections.namedtuple("ImageSettings", "image_size channels resize")


@keras.saving.register_keras_serializable(package="daenr_tf")
class DAENR(ObjectiveModel):
    """Deep autoencoder with neural response, or one of its baselines.

    Called on images (batch, height, width, channels) in [-1, 1] it returns a dict with the heads it has, float32:
    `reconstruction` (batch, height, width, channels) in [-1, 1], `response` (batch, neurons), expected responses
    per presentation. In training, `draws` (batch,) int64 number the examples, for stateless sampling.

    Its loss (Eq. 3 and 7) is alpha * (MSE + the bottleneck's terms) + beta * (Poisson + the readout's terms), alpha and beta being the
    `loss_weights` that it is compiled with, MSE and Poisson means over pixels and neurons; for sums over them, the weights have their number as a
    factor (`models.build.head_weights`). A core's terms stand in both brackets.
    After a call with `training=True`, `losses` holds all terms but MSE and Poisson, so weighted.

    Args:
        core: a `Part` that maps images to the list of hidden layers h_1 … h_n.
        bottleneck, decoder: `Part`s, from h_n to a code and from the code to an image; both or neither.
        readout: a `Part`, from a hidden layer to responses, or None.
        layer: int, the hidden layer h_i that the readout reads.
        image_shape: (height, width, channels).
        seed: int, of the initial weights, of sampling, and of the split that its parts were started on.
        pixel_range: (low, high), the grey levels of the recording that became -1 and 1; kept for serving.
        split_seed: int, of the split that it was last trained on, whose validation set `evaluate` takes; None takes `seed`.
        resize: one of `resizing.RESIZES`, how the recording's images came to `image_shape`; kept for serving.

    Raises:
        InputError: for a setting that can't be used.
    """

    encodes = True  # what an average of models does not

    def __init__(
        self,
        core: Part,
        bottleneck: Part | None = None,
        decoder: Part | None = None,
        readout: Part | None = None,
        layer: int = 1,
        image_shape: Sequence[int] = (32, 32, 1),
        seed: int = 0,
        pixel_range: Sequence[float] = (0.0, 255.0),
        split_seed: int | None = None,
        resize: str = DEFAULT_RESIZE,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if (bottleneck is None) != (decoder is None) or (decoder is None and readout is None):
            raise InputError(
                "DAENR: expected a bottleneck with a decoder, a readout, or all three, found other parts"
            )
        shape = checked_shape(image_shape)
        if any(size % core.downsampling for size in shape[:2]):
            raise InputError(
                f"image_shape: expected a height and width that are multiples of {core.downsampling}, found {image_shape!r}"
            )
        one_of("layer", layer, range(1, core.layers + 1))
        whole("seed", seed, 0)
        self.image_shape, self.layer, self.seed = shape, layer, seed
        self.split_seed = seed if split_seed is None else split_seed
        whole("split_seed", self.split_seed, 0)
        self.pixel_range = bounds("pixel_range", pixel_range)
        one_of("resize", resize, RESIZES)
        self.resize = resize
        self.encoder, self.bottleneck, self.decoder, self.readout = (
            core,
            bottleneck,
            decoder,
            readout,
        )
        names = self._term_names()
        if len(set(names)) < len(names):
            raise InputError(f"DAENR: expected terms of different names, found {', '.join(names)}")
        self.trackers = {name: keras.metrics.Mean(name) for name in ("loss", *names)}

    def parts(self) -> list[Part]:
        """Its parts, in the order of the computation."""
        return [
            part for part in (self.encoder, self.bottleneck, self.decoder, self.readout) if part
        ]

    def _branches(self):
        """The parts that stand under each head alone."""
        branches = {"reconstruction": [self.bottleneck, self.decoder], "response": [self.readout]}
        return {head: parts for head, parts in branches.items() if parts[-1]}

    def _term_names(self):
        names = []
        for head, parts in self._branches().items():
            names += [head, *(name for part in parts for name in part.term_names)]
        return names + list(self.encoder.term_names)

    @property
    def units(self) -> dict[str, tuple[str, str]]:
        """The title and the unit of every term that a part declares: dict of name -> (title, unit)."""
        return {name: unit for part in self.parts() for name, unit in part.units.items()}

    @property
    def heads(self) -> list[str]:
        """The names of the model's outputs."""
        return list(self._branches())

    @property
    def neurons(self) -> int:
        """How many neurons the readout predicts; 0 without a readout."""
        return self.readout.neurons if self.readout else 0

    @property
    def recordings(self) -> dict[str, int] | None:
        """dict of name -> neurons of the recordings that its readout is for, where there are several; else None."""
        return self.readout.recordings if self.readout else None

    @property
    def neurons_of_an_image(self) -> float:
        """How many neurons answer an image; of several recordings, whose images have their own neurons, the mean number."""
        return self.readout.neurons_of_an_image if self.recordings else self.neurons

    def build(self, input_shape: tuple | None = None) -> None:
        """Build its parts, whatever the input's shape. Raises `InputError` where they don't fit each other."""
        shape = (None, *self.image_shape)
        build_part(self.encoder, shape)
        hidden = self.encoder.compute_output_shape(shape)
        if self.decoder:
            build_part(self.bottleneck, hidden[-1])
            build_part(self.decoder, (None, *self.bottleneck.code_shape))
            made = tuple(self.decoder.compute_output_shape((None, *self.bottleneck.code_shape)))[
                1:3
            ]
            if made != self.image_shape[:2]:
                raise InputError(
                    f"DAENR: expected a decoder that makes images of {self.image_shape[:2]} out of the core's last layer,"
                    f" {tuple(hidden[-1])[1:]}, found one of {made}"
                )
        if self.readout:
            build_part(self.readout, hidden[self.layer - 1])
        self.built = True

    def call(
        self, images: tf.Tensor, training: bool = False, draws: tf.Tensor | None = None
    ) -> dict[str, tf.Tensor]:
        """The heads of images (batch, height, width, channels): dict of name -> float32. Raises `InputError` for others."""
        check_images(images, self.image_shape)
        outputs, terms = self.forward(images, training=training, draws=draws)
        if training:
            self.keep_penalties(terms)
        return outputs

    def forward(
        self,
        images: tf.Tensor,
        training: bool = False,
        draws: tf.Tensor | None = None,
        whose: tf.Tensor | None = None,
    ) -> tuple[dict[str, tf.Tensor], dict[str, dict[str, Term]]]:
        """The model's outputs and the terms that its parts add to the loss of each head.

        Args:
            images, training, draws: as of a call.
            whose: (batch,) int, of a model of several `recordings` the number of the one that an image belongs to: then `response` has the
                answers of that recording's neurons only, as `ReadoutsOfSeveral` says.

        Returns:
            (dict of outputs, dict of head -> dict of name -> `Term`).
        """
        return self._computed(images, training, draws, whose)[:2]

    def encode(
        self, images: tf.Tensor, training: bool = False, draws: tf.Tensor | None = None
    ) -> tuple[list[tf.Tensor], dict[str, Term]]:
        """The hidden layers h_1 … h_n of images, and the core's terms."""
        if training and draws is None:
            draws = example_numbers(images)
        return self.encoder(images, draws=draws, training=training)

    def _computed(self, images, training=False, draws=None, whose=None):
        """(outputs, terms of each head, what each of its parts was called on)."""
        if training and draws is None:
            draws = example_numbers(images)
        hidden, shared = self.encode(images, training, draws)
        outputs, terms, inputs = {}, {}, [images]
        if self.decoder:
            code, own = self.bottleneck(hidden[-1], draws=draws, training=training)
            outputs["reconstruction"], more = self.decoder(code, draws=draws, training=training)
            terms["reconstruction"] = {**own, **more, **shared}
            inputs += [hidden[-1], code]
        if self.readout:
            read = hidden[self.layer - 1]
            more = {"whose": whose} if self.recordings else {}
            outputs["response"], own = self.readout(read, draws=draws, training=training, **more)
            terms["response"] = {**own, **shared}
            inputs.append(read)
        return outputs, terms, inputs

    def respond(self, images: tf.Tensor) -> tf.Tensor:
        """Responses alone, (batch, neurons) float32, and no more work than they take."""
        read = self.encode(images)[0][self.layer - 1]
        return self.readout(read)[0]

    def serve(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """What the exported model gives for images (batch, height, width, channels): the heads, and what its parts give besides."""
        outputs, _, inputs = self._computed(images)
        for part, own in zip(self.parts(), inputs, strict=True):
            outputs |= part.outputs(own)
        return outputs

    def diagnostics(
        self, batches: Callable[[], Iterable[np.ndarray]]
    ) -> tuple[dict[str, float], list[str]]:
        """What the parts tell of how they work on images.

        Args:
            batches: function that gives an iterable of arrays (batch, height, width, channels) in [-1, 1].

        Returns:
            (dict of name -> float, list of sentences that a user must read).
        """
        figures, notes = {}, []
        for index, part in enumerate(self.parts()):
            inputs = (self._computed(tf.constant(batch))[2][index] for batch in batches())
            found, said = part.diagnostics(inputs)
            figures |= found
            notes += said
        return figures, notes

    @property
    def image_settings(self) -> ImageSettings:
        """What becomes of a recording's images, as `pipeline.prepare` takes it, and, as arguments behind the pixel range, `pipeline.preprocess`."""
        return ImageSettings(self.image_shape[:2], self.image_shape[2], self.resize)

    def predict(self, x: Any, **kwargs: Any) -> dict[str, np.ndarray]:
        """As Keras' `predict`; images that are not in [-1, 1] are refused."""
        if isinstance(x, np.ndarray):
            check_images(x, self.image_shape)
        return super().predict(x, **kwargs)

    def fit(self, x: Any = None, y: Any = None, **kwargs: Any) -> keras.callbacks.History:
        """As Keras' `fit`; images that are not in [-1, 1] are refused."""
        if isinstance(x, np.ndarray):
            check_images(x, self.image_shape)
        return super().fit(x, y, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """As Keras': its parts and its settings, as JSON can hold them."""
        parts = {
            "core": self.encoder,
            "bottleneck": self.bottleneck,
            "decoder": self.decoder,
            "readout": self.readout,
        }
        return {
            **super().get_config(),
            **{name: serialized(part) for name, part in parts.items() if part},
            "layer": self.layer,
            "image_shape": self.image_shape,
            "seed": self.seed,
            "pixel_range": self.pixel_range,
            "split_seed": self.split_seed,
            # The default is left out: a file, a digest or a state of before is then still this model's.
            **({} if self.resize == DEFAULT_RESIZE else {"resize": self.resize}),
        }

    def identity(self) -> dict[str, Any]:
        """What the model is, its weights and what it was trained on apart, as JSON's plain values."""
        apart = ("name", "split_seed")
        config = {name: value for name, value in self.get_config().items() if name not in apart}
        return json.loads(json.dumps(config))

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, type] | None = None
    ) -> DAENR:
        """The model of a configuration, built: Keras would pass over the weights of parts that are not."""
        config = modernized(config) if "autoencoder" in config else dict(config)
        for name in ("core", "bottleneck", "decoder", "readout"):
            if isinstance(config.get(name), dict):
                config[name] = deserialized(config[name], custom_objects)
        model = cls(**config)
        model.build()
        for part in [model, *model.parts()]:
            if not part.trainable:
                freeze(part)
        return model
