"""A recording: images and the responses of neurons to them, checked once, here."""

import dataclasses
import functools
import hashlib

import numpy as np
from numpy.typing import ArrayLike

from daenr_tf.errors import refusal
from daenr_tf.machine import blocks
from daenr_tf.missing import known_counts
from daenr_tf.recordings import checks
from daenr_tf.recordings.splits import SharedStimuli, choose, image_groups, trials_of_repeats

HOLD_OUT = 0.2
HOLD_OUT_SEED = 20160627
PER_IMAGE_TRUTH = {"rates": "images", "test_rates": "test_images"}


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Recording:
    """Images, and what M neurons answered to them.

    Every check of a recording happens when one is made; afterwards its arrays hold what is said here and are read-only.
    Without a test set a fixed 20 % of the images is held out as one, or, with `repeats_as_test`, the
    stimuli that were shown several times become one and their presentations its trials. Training
    images that are identical to a test image are left out. All of this is told in `notes`.

    Attributes:
        images: (images, height, width, channels), training images in their own grey levels and type; channels 1 or 3.
            The channel axis may be left out on the way in.
        responses: (images, neurons) float32, spikes (or a rate) per presentation, finite and >= 0; NaN where a neuron was not
            recorded on an image.
        test_images: (test images, height, width, channels), of the type and size of `images`.
        test_trials: (repeats, test images, neurons) float32, NaN where a repeat is missing; None where only averages exist.
        test_responses: (test images, neurons) float32, the mean over repeats; NaN where there is none.
        region: 1..3, of the published or simulated recordings; None for any other.
        name: short name, fit for a directory's name.
        simulated: whether the responses come from a model instead of an animal.
        pixel_range: (low, high), the grey levels that become -1 and 1: (0, 255) for uint8, otherwise read off the images
            unless given.
        truth: what a simulation was made from, a dict of arrays: `center` (neurons, 2), `orientation`, `spatial_frequency`,
            `phase`, `size`, `complex` (neurons,), `rates` (images, neurons), `test_rates` (test images, neurons), and what docs/simulated.md
            lists besides; else None.
        source: where it comes from, such as a file's name, for messages.
        notes: sentences that a user should read about what was done to the recording.
        held_out: bool, whether the test set was held out of its images, for it has none of its own.
        shared: `SharedStimuli`, of a recording that is trained on together with others that show some
            of its images; else None.
        repeats_as_test: bool, whether stimuli that `images` holds several times become the test set;
            taken, and not kept.

    Raises:
        InputError: with one line that names the array, what was expected and what was found.
    """

    images: np.ndarray
    responses: np.ndarray
    test_images: np.ndarray | None = None
    test_trials: np.ndarray | None = None
    test_responses: np.ndarray | None = None
    name: str = "recording"
    region: int | None = None
    simulated: bool = False
    pixel_range: tuple[float, float] | None = None
    truth: dict | None = None
    source: str = ""
    notes: tuple[str, ...] = ()
    held_out: bool = False
    shared: SharedStimuli | None = None
    repeats_as_test: dataclasses.InitVar[bool] = False

    def __post_init__(self, repeats_as_test: bool) -> None:
        self._set(source=str(self.source or self.name), notes=tuple(self.notes))
        images = checks.with_channel(self._what("images"), self.images)
        responses = checks.rates(
            self._what("responses"),
            self.responses,
            (len(images), None),
            "(images, neurons)",
            missing=True,
        )
        self._set(images=images, responses=responses)
        if self.test_images is None:
            for key in ("test_trials", "test_responses"):
                if getattr(self, key) is not None:
                    raise refusal(
                        self._what(key), "test_images beside it, or neither", "no test_images"
                    )
            self._check_truth()
            if repeats_as_test:
                self._take_repeats_as_test()
            else:
                self._hold_out_test_set()
        else:
            if repeats_as_test:
                found = f"{len(self.test_images)} of them"
                raise refusal(self._what("test_images"), "none with --repeats-as-test", found)
            self._check_test_set()
            self._check_truth()
            self._drop_test_images_from_training()
        self._set(
            pixel_range=checks.pixel_range(
                self._what("images"), self.pixel_range, (self.images, self.test_images)
            )
        )
        for key in ("responses", "test_responses"):
            checks.refuse_all_missing(self._what(key), getattr(self, key))
        for field in ("images", "responses", "test_images", "test_trials", "test_responses"):
            if getattr(self, field) is not None:
                view = getattr(self, field).view()
                view.setflags(write=False)
                self._set(**{field: view})

    def __repr__(self) -> str:
        height, width, channels = self.images.shape[1:]
        kind = "simulated recording" if self.simulated else "recording"
        return (
            f"<{kind} {self.name}: {len(self.images)} training and {len(self.test_images)} test images of {height}x{width}x{channels},"
            f" {self.neurons} neurons, {self.repeats_text or 'no'} repeats>"
        )

    @property
    def neurons(self) -> int:
        """Number of neurons."""
        return self.responses.shape[1]

    @property
    def repeats(self) -> int | None:
        """Number of repeats of the test images, or None where only averages are known."""
        return None if self.test_trials is None else self.test_trials.shape[0]

    @functools.cached_property
    def repeats_range(self) -> tuple[int, int] | None:
        """(fewest, most) known repeats of a test image in a neuron; None where there are averages only."""
        if self.test_trials is None:
            return None
        known = sum((~np.isnan(trial)).astype(np.int32) for trial in self.test_trials)
        return int(known.min()), int(known.max())

    @property
    def repeats_text(self) -> str | None:
        """How often test images were shown, "9", or "6 to 9" where it varies; None as above."""
        return self.repeats_range and " to ".join(map(str, sorted(set(self.repeats_range))))

    @functools.cached_property
    def missing(self) -> float:
        """The share of the training responses that is missing, 0 of a complete recording."""
        return 1 - float(known_counts(self.responses).mean()) / len(self.responses)

    @functools.cached_property
    def unrecorded(self) -> np.ndarray:
        """(neurons,) bool, those without any training response: nothing is learned of them, and they are not scored."""
        return known_counts(self.responses) == 0

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of everything that a fit depends on: images, responses, test set, pixel range, and which images others show too."""
        sha = hashlib.sha256(repr(tuple(float(bound) for bound in self.pixel_range)).encode())
        for key in ("images", "responses", "test_images", "test_trials", "test_responses"):
            array = getattr(self, key)
            if array is not None:
                array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
                sha.update(f"{key} {array.dtype.kind}{array.dtype.itemsize} {array.shape}".encode())
                sha.update(array)
        if self.shared is not None:
            sha.update(self.shared.digest.encode())
        return sha.hexdigest()

    def split(self, seed: int, fraction: float = 0.2) -> tuple[np.ndarray, np.ndarray]:
        """Splits the training images into those that are trained on and those that are validated on.

        Args:
            seed: integer >= 0; the split depends on nothing else but the images themselves.
            fraction: share of the images to validate on, 0 < fraction < 1.

        Returns:
            (train indices, validation indices), sorted int64 arrays. Validation has max(1, round(fraction · images)), or as near to
            it as can be with identical images on one side. An image that a recording before it shows too (`shared`) is on the side that
            it has there.
        """
        if self.shared is not None:
            validation = self.shared.validation(seed, fraction)
            return np.flatnonzero(~validation), np.flatnonzero(validation)
        count = max(1, round(fraction * len(self.images)))
        (groups,) = image_groups(self.images)
        validation = choose(groups, count, seed)
        return np.flatnonzero(~validation), np.flatnonzero(validation)

    def averages(self, repeats: int | None = None) -> np.ndarray:
        """(test images, neurons), the test responses averaged over so many repeats, the first ones; None takes all, as does what
        has none among them."""
        if repeats is None or repeats >= len(self.test_trials):
            return self.test_responses
        mean, known = _mean_over_repeats(self.test_trials[:repeats])
        return np.where(known, mean, self.test_responses)

    def with_images(self, indices: ArrayLike) -> "Recording":
        """The recording of some of its training images, (n,) int; the test images stay."""
        indices, truth = np.asarray(indices), self.truth
        if truth is not None and "rates" in truth:
            truth = {**truth, "rates": np.asarray(truth["rates"])[indices]}
        return dataclasses.replace(
            self,
            images=self.images[indices],
            responses=self.responses[indices],
            truth=truth,
            shared=None,
        )

    def with_neurons(self, indices: ArrayLike) -> "Recording":
        """The same recording of fewer neurons.

        Args:
            indices: integers, or a boolean mask (neurons,).
        """
        indices = np.arange(self.neurons)[indices]
        truth = self.truth
        if truth is not None:
            truth = {
                key: self._truth_of(key, np.asarray(value), indices) for key, value in truth.items()
            }
        trials = None if self.test_trials is None else self.test_trials[:, :, indices]
        return dataclasses.replace(
            self,
            responses=self.responses[:, indices],
            test_trials=trials,
            test_responses=self.test_responses[:, indices],
            truth=truth,
        )

    def _set(self, **values):
        for key, value in values.items():
            object.__setattr__(self, key, value)

    def _what(self, key):
        return f"{self.source}: {key}"

    def _note(self, sentence):
        self._set(notes=(*self.notes, sentence))

    def _check_test_set(self):
        what = self._what("test_images")
        test_images = checks.with_channel(what, self.test_images)
        if test_images.dtype != self.images.dtype:
            raise refusal(what, f"the type of images, {self.images.dtype}", f"{test_images.dtype}")
        if test_images.shape[1:] != self.images.shape[1:]:
            raise refusal(
                what,
                f"the (height, width, channels) of images, {self.images.shape[1:]}",
                f"{test_images.shape[1:]}",
            )
        distinct = image_groups(test_images)[0].max() + 1
        if distinct < 2:
            raise refusal(what, "at least 2 distinct test images", f"{distinct}")
        self._set(test_images=test_images)

        shape = (len(test_images), self.neurons)
        trials, averages = self.test_trials, self.test_responses
        if trials is None and averages is None:
            raise refusal(what, "test_trials or test_responses beside it", "neither")
        if averages is not None:
            averages = checks.rates(
                self._what("test_responses"),
                averages,
                shape,
                "(test images, neurons)",
                missing=True,
            )
        if trials is not None:
            what = self._what("test_trials")
            trials = checks.rates(
                what, trials, (None, *shape), "(repeats, test images, neurons)", missing=True
            )
            mean = np.empty(shape, np.float32)
            known = np.empty(shape, bool)
            for some in blocks.slices(len(test_images), trials[:, 0].nbytes):
                mean[some], known[some] = _mean_over_repeats(trials[:, some])
            if averages is not None:
                largest = np.abs(mean).max(where=known, initial=0)
                tolerance = 1e-4 * np.maximum(np.abs(mean), 1e-2 * largest)
                apart = np.abs(averages.astype(np.float64) - mean) > tolerance
                apart |= np.isnan(averages) == known
                checks.refuse_where(
                    self._what("test_responses"),
                    apart,
                    averages,
                    "the mean of test_trials over repeats",
                )
            averages = mean
        self._set(test_trials=trials, test_responses=averages)

    def _hold_out_test_set(self):
        (groups,) = image_groups(self.images)
        distinct = groups.max() + 1
        if distinct < 4:
            raise refusal(
                self._what("images"),
                "at least 4 distinct images (2 to train on, 2 held out to test on)",
                f"{distinct}",
            )
        count = max(2, round(HOLD_OUT * len(self.images)))
        test = choose(groups, count, HOLD_OUT_SEED, at_least=2, leave=2)
        total = len(test)
        self._set(test_images=self.images[test], test_responses=self.responses[test], held_out=True)
        if self.truth is not None and "rates" in self.truth:
            self._set(truth={**self.truth, "test_rates": np.asarray(self.truth["rates"])[test]})
        self._keep(~test)
        self._note(
            f"The recording has no test set: a fixed {test.sum()} of its {total} images are held out as one."
        )

    def _take_repeats_as_test(self):
        (groups,) = image_groups(self.images)
        shown = np.bincount(groups)
        repeated, single = int((shown > 1).sum()), shown[groups] == 1
        for how, count in (("several times", repeated), ("once, to train on,", single.sum())):
            if count < 2:
                wanted = f"at least 2 stimuli shown {how} with --repeats-as-test"
                raise refusal(self._what("images"), wanted, count)
        first, trials = trials_of_repeats(groups, self.responses)
        self._set(test_images=self.images[first], test_trials=trials)
        if self.truth is not None and "rates" in self.truth:
            self._set(truth={**self.truth, "test_rates": np.asarray(self.truth["rates"])[first]})
        self._keep(single)
        self._check_test_set()
        self._note(
            f"The {repeated} stimuli that were shown several times are the test set, their"
            f" {self.repeats_text} presentations its trials; the {single.sum()} that were shown"
            " once are trained on."
        )

    def _drop_test_images_from_training(self):
        test_groups, groups = image_groups(self.test_images, self.images)
        keep = ~np.isin(groups, test_groups)
        distinct = len(np.unique(groups[keep]))
        if distinct < 2:
            raise refusal(
                self._what("images"),
                "at least 2 distinct training images that are not test images",
                f"{distinct}",
            )
        if not keep.all():
            self._keep(keep)
            self._note(
                f"{(~keep).sum()} of {len(keep)} training images are identical to a test image and are left out of training."
            )

    def _keep(self, keep):
        self._set(images=self.images[keep], responses=self.responses[keep])
        if self.truth is not None and "rates" in self.truth:
            self._set(truth={**self.truth, "rates": np.asarray(self.truth["rates"])[keep]})

    def _check_truth(self):
        for key, images in PER_IMAGE_TRUTH.items():
            if self.truth is None or key not in self.truth:
                continue
            stack = getattr(self, images)
            if stack is None:
                raise refusal(
                    self._what(f"truth[{key!r}]"), "test_images beside it", "no test_images"
                )
            shape = (len(stack), self.neurons)
            if np.shape(self.truth[key]) != shape:
                raise refusal(
                    self._what(f"truth[{key!r}]"),
                    f"the shape {shape}",
                    f"{np.shape(self.truth[key])}",
                )

    def _truth_of(self, key, value, indices):
        if key in PER_IMAGE_TRUTH:
            return value[:, indices]
        return value[indices] if value.ndim and len(value) == self.neurons else value


def _mean_over_repeats(trials):
    """(repeats, images, neurons) with NaN where a repeat is missing -> (mean (images, neurons) float32, whether there was a repeat)."""
    known = ~np.isnan(trials)
    with np.errstate(all="ignore"):
        mean = np.where(known, trials, 0).sum(0, dtype=np.float64) / known.sum(0)
        known = known.any(0)
        return np.where(known, mean, np.nan).astype(np.float32), known
