"""The joint model: one encoder, a decoder head and a readout head (the paper's Fig. 1 and Eq. 3-7)."""

import collections

import keras
import tensorflow as tf

from daenr_tf.layers import readouts
from daenr_tf.layers.bottlenecks import DenseBottleneck, GaussianBottleneck
from daenr_tf.layers.decoder import Decoder
from daenr_tf.layers.encoder import STRIDES, Encoder
from daenr_tf.layers.penalties import absolute
from daenr_tf.layers.quantizer import QuantizedBottleneck
from daenr_tf.layers.replicas import sum_over_replicas
from daenr_tf.layers.seeds import derive_seed
from daenr_tf.layers.terms import Term
from daenr_tf.recordings.checks import bounds
from daenr_tf.setting_checks import model_settings

ADAM_EPSILON = 1e-8  # a readout's gradients are tiny where beta is 1e-5; Keras' default of 1e-7 would damp them
MOST_DRAWS = 2**32  # examples of a step in `fit`, so that no two steps share a draw
ImageSettings = collections.namedtuple("ImageSettings", "image_size channels")
LOSSES = {"reconstruction": keras.losses.MeanSquaredError, "response": keras.losses.Poisson}


@keras.saving.register_keras_serializable(package="daenr_tf")
class DAENR(keras.Model):
    """Deep autoencoder with neural response, or one of its baselines.

    Called on images (batch, height, width, channels) in [-1, 1] it returns a dict with the heads it has, float32:
    `reconstruction` (batch, height, width, channels) in [-1, 1], `response` (batch, neurons), expected responses
    per presentation. In training, `draws` (batch,) int64 number the examples, for stateless sampling.

    Its loss (Eq. 3 and 7) is alpha * (MSE + the bottleneck's terms) + beta * (Poisson + the readout's terms),
    alpha and beta being the `loss_weights` that it is compiled with, MSE and Poisson means over pixels and neurons.

    Args:
        image_shape: (height, width, channels), height and width multiples of 4.
        autoencoder: "cae", "vae", "vqvae" or None (no decoder).
        readout: "fr", "fc", "fm" or None.
        layer: int in 1..4, the hidden layer that the readout reads.
        neurons: int, M.
        readout_l1: float, weight of the readout's sparsity penalty.
        activity_l1: float, weight of mean |h_i|.
        latent_size: int, of CAE and VAE.
        codebook_size, code_dim, codebook_update: of the VQ-VAE.
        seed: int, of initial weights and of sampling.
        pixel_range: (low, high), the grey levels of the recording that became -1 and 1; kept for serving.

    Raises:
        InputError: for a setting that can't be used.
    """

    def __init__(self, image_shape=(32, 32, 1), autoencoder="cae", readout="fr", layer=2, neurons=0, readout_l1=0.02,
                 activity_l1=0.0, latent_size=100, codebook_size=32, code_dim=256, codebook_update="ema", seed=0,
                 pixel_range=(0.0, 255.0), **kwargs):
        super().__init__(**kwargs)
        settings = {
            "image_shape": image_shape, "autoencoder": autoencoder, "readout": readout, "layer": layer,
            "neurons": neurons, "readout_l1": readout_l1, "activity_l1": activity_l1, "latent_size": latent_size,
            "codebook_size": codebook_size, "code_dim": code_dim, "codebook_update": codebook_update, "seed": seed,
            "pixel_range": bounds("pixel_range", pixel_range)}
        model_settings(settings)
        self.image_shape = tuple(image_shape)
        self.settings = {**settings, "image_shape": self.image_shape}
        self.layer = layer
        self.activity_l1 = activity_l1
        common = {"dtype": self.dtype_policy}
        depth = len(STRIDES) if autoencoder else layer
        self.encoder = Encoder(depth, derive_seed(seed, "encoder"), name="encoder", **common)
        self.bottleneck = self.decoder = self.readout = None
        if autoencoder:
            own = {"seed": derive_seed(seed, "bottleneck"), "name": "bottleneck", **common}
            height, width, channels = self.image_shape
            make = {"cae": lambda: DenseBottleneck(latent_size, **own),
                    "vae": lambda: GaussianBottleneck(latent_size, height * width * channels, **own),
                    "vqvae": lambda: QuantizedBottleneck(codebook_size, code_dim, codebook_update, **own)}
            self.bottleneck = make[autoencoder]()
            self.decoder = Decoder(channels, derive_seed(seed, "decoder"), name="decoder", **common)
        if readout:
            kind = readouts.READOUTS[readout]
            self.readout = kind(neurons, readout_l1, derive_seed(seed, "readout"), name="readout", **common)
        self.trackers = {name: keras.metrics.Mean(name) for name in ("loss", *self._term_names())}

    def _term_names(self):
        names = []
        if self.bottleneck:
            names += ["reconstruction", *self.bottleneck.term_names]
        if self.readout:
            names += ["response", *self.readout.term_names, *(["activity_l1"] if self.activity_l1 else [])]
        return names

    @property
    def heads(self):
        """The names of the model's outputs."""
        return [name for name, part in (("reconstruction", self.decoder), ("response", self.readout)) if part]

    def build(self, input_shape=None):
        shape = (None, *self.image_shape)
        self.encoder.build(shape)
        hidden = self.encoder.compute_output_shape(shape)
        if self.bottleneck:
            self.bottleneck.build(hidden[-1])
            self.decoder.build((None, *self.bottleneck.code_shape))
        if self.readout:
            self.readout.build(hidden[self.layer - 1])
        self.built = True

    def call(self, images, training=False, draws=None):
        return self.forward(images, training=training, draws=draws)[0]

    def forward(self, images, training=False, draws=None):
        """The model's outputs and the terms that its parts add to the loss of each head.

        Returns:
            (dict of outputs, dict of head -> dict of name -> `Term`).
        """
        if training and draws is None:
            draws = tf.range(tf.shape(images, tf.int64)[0])
        hidden = self.encoder(images, training=training)
        outputs, terms = {}, {}
        if self.bottleneck:
            code, terms["reconstruction"] = self.bottleneck(hidden[-1], draws=draws, training=training)
            outputs["reconstruction"] = self.decoder(code, training=training)
        if self.readout:
            features = hidden[self.layer - 1]
            outputs["response"] = self.readout(features, draws=draws, training=training)
            terms["response"] = self.readout.terms()
            if self.activity_l1:
                activity = tf.reduce_mean(absolute(tf.cast(features, tf.float32)), axis=(1, 2, 3))
                terms["response"]["activity_l1"] = Term(activity, self.activity_l1)
        return outputs, terms

    def serve(self, images):
        """What the exported model gives for images (batch, height, width, channels): the heads, and a VQ-VAE's codes."""
        outputs = self(images, training=False)
        if isinstance(self.bottleneck, QuantizedBottleneck):
            outputs["indices"] = self.code_indices(images)
        return outputs

    def code_indices(self, images):
        """The numbers of a VQ-VAE's codes, (batch, height / 4, width / 4) int32."""
        return self.bottleneck.indices(self.bottleneck.project(self.encoder(images)[-1]))

    @property
    def image_settings(self):
        """The size and the channels that the model wants, as `pipeline.prepare` takes them."""
        return ImageSettings(self.image_shape[:2], self.image_shape[2])

    def compile(self, optimizer="adam", loss=None, loss_weights=None, **kwargs):
        """As Keras' `compile`; `loss` defaults to MSE for `reconstruction` and Poisson for `response`.

        Args:
            loss: dict of head -> Keras loss or its name.
            loss_weights: dict of head -> float, alpha for `reconstruction` and beta for `response`; 1 by default.

        Raises:
            ValueError: a name is no head's, or metrics were given; every term of the loss is logged as it is.
        """
        for argument, given in (("loss", loss), ("loss_weights", loss_weights)):
            if given is not None and not (isinstance(given, dict) and given.keys() <= LOSSES.keys()):
                raise ValueError(f"{argument}: expected a dict of {' and '.join(LOSSES)}, found {given!r}")
        for argument in ("metrics", "weighted_metrics"):
            if kwargs.get(argument):
                raise ValueError(f"{argument}: expected none, for the terms of the loss are what is logged, found"
                                 f" {kwargs[argument]!r}")
        loss = {head: LOSSES[head]() for head in self.heads} | (loss or {})
        loss = {head: keras.losses.get(loss[head]) for head in self.heads}
        self.head_weights = {head: float((loss_weights or {}).get(head, 1.0)) for head in self.heads}
        super().compile(optimizer=optimizer, loss=loss, loss_weights=self.head_weights, **kwargs)

    def get_compile_config(self):
        """As Keras'; with it the paths of the weights that the optimizer was built for, for parts may be frozen."""
        config = super().get_compile_config()
        if config:
            config["optimized"] = [self.path_of(variable) for variable in self.optimizer._trainable_variables]
        return config

    def compile_from_config(self, config):
        """Compile as a saved model was compiled, its optimizer's variables made."""
        config = dict(config)
        weights = {self.path_of(variable): variable for variable in self.weights}
        optimized = config.pop("optimized", [self.path_of(variable) for variable in self.trainable_variables])
        self.compile(**keras.saving.deserialize_keras_object(config))
        if optimized:
            self.optimizer.build([weights[path] for path in optimized])

    def path_of(self, weight):
        """A weight's path in the model, for example `encoder/encoder_1/convolution/kernel`."""
        return weight.path.removeprefix(f"{self.path}/")

    def loss_terms(self, images, targets, training=False, draws=None):
        """Every term of the loss, unweighted: (dict of name -> (batch,) or scalar, dict of name -> weight in the total)."""
        outputs, terms = self.forward(images, training=training, draws=draws)
        values, weights = {}, {}
        for head in self.heads:
            each = getattr(self.loss[head], "call", self.loss[head])(targets[head], outputs[head])
            own = {head: Term(tf.reduce_mean(each, axis=list(range(1, each.shape.rank)))), **terms[head]}
            for name, term in own.items():
                values[name] = tf.cast(term.value, tf.float32)
                weights[name] = self.head_weights[head] * term.weight
        return values, weights

    def train_step(self, data):
        """One step of gradient descent on the mean over the global batch, however it is divided over replicas.

        Images may come as a dict with `images` and `draws`, the examples' numbers in the order of training.
        """
        inputs, targets = _unpack(data)
        images, draws = (inputs["images"], inputs["draws"]) if isinstance(inputs, dict) else (inputs, None)
        context = tf.distribute.get_replica_context()
        replicas, replica = context.num_replicas_in_sync, context.replica_id_in_sync_group
        own = tf.cast(tf.shape(images)[0], tf.float32)
        counts, = sum_over_replicas([tf.one_hot(replica, replicas, own, 0.0)])
        total = tf.reduce_sum(counts)
        if draws is None:
            first = tf.cast(self.optimizer.iterations, tf.int64) * MOST_DRAWS
            first += tf.cast(tf.reduce_sum(counts[:replica]), tf.int64)
            draws = first + tf.range(tf.shape(images, tf.int64)[0])
        with tf.GradientTape() as tape:
            values, weights = self.loss_terms(images, targets, training=True, draws=draws)
            loss = tf.add_n([
                weights[name] * (tf.reduce_sum(value) / total if value.shape.rank else value / replicas)
                for name, value in values.items()])
        variables = self.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
        return self._track(values, weights, own)

    def test_step(self, data):
        """The loss and its terms on one batch, without sampling."""
        images, targets = _unpack(data)
        values, weights = self.loss_terms(images, targets)
        return self._track(values, weights, tf.cast(tf.shape(images)[0], tf.float32))

    def _track(self, values, weights, count):
        means = {name: tf.math.divide_no_nan(tf.reduce_sum(value), count) if value.shape.rank else value
                 for name, value in values.items()}
        means["loss"] = tf.add_n([weights[name] * means[name] for name in values])
        for name, mean in means.items():
            self.trackers[name].update_state(mean, sample_weight=count)
        return {name: self.trackers[name].result() for name in means}

    @property
    def metrics(self):
        return list(self.trackers.values())

    def get_config(self):
        return {**super().get_config(), **self.settings}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """The model of a configuration, built: Keras would pass over the weights of parts that are not."""
        model = super().from_config(config, custom_objects)
        model.build()
        return model


def _unpack(data):
    inputs, targets, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    if sample_weight is not None:
        raise ValueError("sample_weight: expected none, for every image of a batch counts alike, found one")
    return inputs, targets


def head_weights(heads, alpha, beta):
    """The weights of a model's heads: alpha and beta, or 1 where one head stands alone."""
    weights = {"reconstruction": alpha, "response": beta}
    return {head: weights[head] if len(heads) > 1 else 1.0 for head in heads}


def adam(learning_rate):
    """The optimizer of DESIGN 6.7, fresh."""
    return keras.optimizers.Adam(learning_rate, epsilon=ADAM_EPSILON)


def build_model(config, recording, alpha=1.0, beta=1.0, learning_rate=1e-3):
    """A compiled model for a recording, its readout started at the neurons' mean training responses.

    Args:
        config: `ModelConfig`.
        recording: `Recording`, whose neurons the readout predicts; only its training part (the split of
            `config.seed`) is looked at.
        alpha, beta: float, the loss weights that it is compiled with; `train` compiles it anew with its own.
        learning_rate: float.

    Returns:
        `DAENR`, built and compiled.
    """
    model = DAENR(
        image_shape=(*config.image_size, config.channels), autoencoder=config.autoencoder, readout=config.readout,
        layer=config.layer, neurons=recording.neurons if config.readout else 0, readout_l1=config.readout_l1,
        activity_l1=config.activity_l1, latent_size=config.latent_size, codebook_size=config.codebook_size,
        code_dim=config.code_dim, codebook_update=config.codebook_update, seed=config.seed,
        pixel_range=recording.pixel_range, name=config.recipe, dtype=config.precision)
    model.build()
    if config.readout:
        training, _ = recording.split(config.seed)
        mean_response = recording.responses[training].mean(axis=0, dtype="float64")
        if config.readout == "fm":
            from daenr_tf.receptive_fields import fixed_cells

            cells = fixed_cells(recording, training, (model.readout.height, model.readout.width))
            model.readout.initialize(mean_response, cells)
        else:
            model.readout.initialize(mean_response)
    model.compile(adam(learning_rate), loss_weights=head_weights(model.heads, alpha, beta))
    return model
