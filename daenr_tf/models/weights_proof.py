"""Proof that a model has every weight that a `.keras` file holds, and no other.

Keras looks for a layer's weights under each attribute that leads to the layer. Under the one they were saved under, a layer that was never
built refuses them; under the next, where the file has nothing, it has nothing to load, which counts as success and takes the
refusal back. An optimizer with another number of variables is passed over, and so is what no layer asks for.
"""

from __future__ import annotations

import contextlib
import io
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

import h5py

from daenr_tf.errors import refusal

if TYPE_CHECKING:
    import keras

    from daenr_tf.models.daenr import DAENR

MEMBER = "model.weights.h5"


@contextlib.contextmanager
def stored(path: str) -> Iterator[dict[str, h5py.Dataset]]:
    """The weights in a `.keras` file: dict of place -> HDF5 dataset.

    A weight's place is the names of the layers (or of the optimizer) that it belongs to and its number in the last of them, for
    example `encoder/encoder_1/convolution/0`. What belongs to no layer has its path in the HDF5 file.
    """
    with zipfile.ZipFile(path) as archive:
        content = io.BytesIO(archive.read(MEMBER))
    with h5py.File(content) as file:
        items = {}
        file.visititems(items.__setitem__)
        names = {
            inside.removesuffix("/vars"): item.attrs["name"]
            for inside, item in items.items()
            if inside.endswith("/vars") and "name" in item.attrs
        }
        weights = {}
        for inside, item in items.items():
            if isinstance(item, h5py.Dataset):
                place = _place(inside, names)
                weights[inside if place in weights else place] = item
        yield weights


def _place(inside, names):
    owner, _, number = inside.rpartition("/vars/")
    if owner not in names:
        return inside
    steps = owner.split("/")
    owners = ("/".join(steps[:i]) for i in range(1, len(steps) + 1))
    return "/".join([names[owner] for owner in owners if owner in names] + [number])


def held(model: DAENR) -> dict[str, keras.Variable]:
    """The weights that a built model and its optimizer have: dict of place, as in `stored`, -> Keras variable."""
    owners = {}
    for variable in model.weights:
        owners.setdefault(model.path_of(variable).rpartition("/")[0], []).append(variable)
    if model.compiled:
        owners[model.optimizer.name] = model.optimizer.variables
    return {
        f"{owner}/{i}": variable
        for owner, variables in owners.items()
        for i, variable in enumerate(variables)
    }


def refuse_other_weights(path: str, model: DAENR, values: bool = False) -> None:
    """See that a model's weights are those of a file, by place, shape and type, and where `values` also to the bit.

    Raises:
        InputError: that names the first weight which is not.
    """
    own = held(model)
    with stored(path) as weights:
        for place, variable in own.items():
            what = f"the weight {variable.path} {tuple(variable.shape)} {variable.dtype}"
            if place not in weights:
                raise refusal(path, what, "none")
            found = weights[place]
            kind = found.attrs.get(
                "dtype", found.dtype.name
            )  # HDF5 has no bfloat16: Keras notes it
            if found.shape != tuple(variable.shape) or kind != variable.dtype:
                raise refusal(path, what, f"{found.shape} {kind}")
        for place in weights:
            if place not in own:
                raise refusal(path, "no weights but the model's", place)
        for place, variable in own.items() if values else ():
            if weights[place][()].tobytes() != variable.numpy().tobytes():
                raise refusal(
                    path, f"the weight {variable.path} that was loaded", "another in its place"
                )
