"""Models of a system without a recording, for the tests."""

from daenr_tf import systems
from daenr_tf.models.build import assemble

DEFAULTS = {name: option.default for name, option in systems.options().items()}


def assembled(
    recipe="cae_fr",
    image_shape=(32, 32, 1),
    layer=2,
    neurons=5,
    seed=0,
    pixel_range=(0.0, 255.0),
    dtype="float32",
    **settings,
):
    """A `DAENR` of a system's parts, not built; `settings` are options of its parts, without penalties unless they are given."""
    settings = {**DEFAULTS, "readout_l1": 0.02, "activity_l1": 0.0, **settings}
    return assemble(
        systems.system(recipe),
        systems.CORES[systems.DEFAULT_CORE],
        settings,
        layer,
        image_shape,
        neurons,
        seed,
        pixel_range,
        recipe,
        dtype,
    )
