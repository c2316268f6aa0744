"""Images that are made for a goal: many at once, from several starts each, the best of them kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from daenr_tf.errors import refusal
from daenr_tf.twin.ascent import Codes, climb_codes, climb_pixels, noise
from daenr_tf.twin.goals import Kind
from daenr_tf.twin.natural import Natural, in_parts
from daenr_tf.twin.stimulus import Constraint, contrast_of
from daenr_tf.twin.twin import Twin

AT_ONCE = 64  # images that climb together: a part of the work


@dataclass(frozen=True)
class Plan:
    """What is synthesised, and how.

    Attributes:
        kind: `Kind` of goal.
        targets: (goals, neurons) float32, as the kind's score takes them.
        numbers: (goals,) int, what each goal is called by; its starts are drawn from it.
        constraint: `Constraint`.
        method: one of `METHODS`.
        steps: int, of ascent.
        starts: int, from how many starts each goal is climbed.
        seed: int, of the starts.
        precondition, strength: of "pixel", as of `preconditioner`.
    """

    kind: Kind
    targets: np.ndarray
    numbers: Sequence[int]
    constraint: Constraint
    method: str = "pixel"
    steps: int = 60
    starts: int = 3
    seed: int = 0
    precondition: str = "gaussian"
    strength: float | None = None

    @property
    def parts(self) -> list[slice]:
        """Which goals climb together."""
        size = max(1, AT_ONCE // self.starts)
        return [slice(first, first + size) for first in range(0, len(self.targets), size)]


class _Pixels:
    """Ascent in pixels, from noise with the spectrum of natural images."""

    def __init__(self, twin: Twin, plan: Plan, natural: Natural, score: Callable) -> None:
        self.twin, self.plan = twin, plan
        self.climb = climb_pixels(
            twin, score, plan.constraint, plan.steps, plan.precondition, plan.strength
        )

    def starts(self, some: slice) -> np.ndarray:
        plan = self.plan
        seeds = [
            (plan.seed, int(number), start)
            for number in plan.numbers[some]
            for start in range(plan.starts)
        ]
        return noise(self.twin.image_shape, np.array(seeds))


class _Codes:
    """Ascent in the decoder's code, from the codes of the natural images that do best already."""

    def __init__(self, twin: Twin, plan: Plan, natural: Natural, score: Callable) -> None:
        codes = in_parts(twin.encode, natural.images)
        known = Codes.of(codes)
        self.plan, self.natural, self.score = plan, natural, score
        self.white = known.whitened(codes)
        self.climb = climb_codes(twin, score, plan.constraint, plan.steps, known)

    def starts(self, some: slice) -> np.ndarray:
        best = _scores(self.score, self.natural.responses, self.plan.targets[some])
        order = np.argsort(-best, axis=1, kind="stable")[:, : self.plan.starts]
        return self.white[np.resize(order, (len(order), self.plan.starts)).ravel()]


METHODS = {"pixel": _Pixels, "latent": _Codes}


def synthesise(
    twin: Twin,
    plan: Plan,
    natural: Natural,
    known: Callable[[int], dict | None] = lambda number: None,
    keep: Callable[[int, dict], object] = lambda number, arrays: None,
) -> dict[str, np.ndarray]:
    """Synthesise an image for every goal.

    Args:
        twin: `Twin`.
        plan: `Plan`.
        natural: `Natural` images as they are.
        known, keep: where a part that was done before is found, and one that is done is kept.

    Returns:
        dict of `images` (goals, height, width, channels) float32 in [-1, 1]; `responses` (goals, neurons), the twin's; `score` (goals,);
        `start` (goals,), which start was best; `start_scores` (goals, starts); `contrast` (goals,); and of the best
        natural image of the same constraint `natural_image`, `natural_responses`, `natural_score`, `natural_number`, and
        `natural_score_as_recorded`, the best score of natural images as they are.

    Raises:
        InputError: the twin lacks what the method needs.
    """
    if plan.method not in METHODS:
        raise refusal("method", f"one of {', '.join(METHODS)}", plan.method)
    scale, kind = natural.scale, plan.kind

    def score(responses, targets):
        return kind.score(responses, targets, scale)

    alike, method, found = None, None, []
    for number, some in enumerate(plan.parts):
        done = known(number)
        if done is None:
            if method is None:
                method = METHODS[plan.method](twin, plan, natural, score)
                alike = natural.at(twin, plan.constraint)
            done = _part(twin, plan, method, score, some)
            done |= _best_natural(score, alike, natural, plan.targets[some])
            keep(number, done)
        found.append(done)
    return {name: np.concatenate([one[name] for one in found]) for name in found[0]}


def _part(twin, plan, method, score, some):
    """The images of some goals, the best of their starts."""
    targets = plan.targets[some]
    repeated = tf.constant(np.repeat(targets, plan.starts, axis=0))
    images = method.climb(tf.constant(method.starts(some)), repeated)
    responses = twin.respond(images)
    scores = np.asarray(score(responses, repeated)).reshape(len(targets), plan.starts)
    scores = np.where(np.isfinite(scores), scores, -np.inf)
    best = scores.argmax(axis=1)
    kept = np.arange(len(targets)) * plan.starts + best
    images = np.asarray(images)[kept]
    return {
        "images": images,
        "responses": np.asarray(responses)[kept],
        "score": scores[np.arange(len(targets)), best].astype(np.float32),
        "start": best,
        "start_scores": scores.astype(np.float32),
        "contrast": np.asarray(contrast_of(images)),
    }


def _scores(score, responses, targets):
    """(goals, images) of responses (images, neurons)."""
    return np.stack(
        [np.asarray(score(responses, np.broadcast_to(one, responses.shape))) for one in targets]
    )


def _best_natural(score, alike, natural, targets):
    scores = _scores(score, alike.responses, targets)
    best = scores.argmax(axis=1)
    return {
        "natural_image": alike.images[best],
        "natural_responses": alike.responses[best],
        "natural_score": scores.max(axis=1),
        "natural_number": alike.numbers[best],
        "natural_score_as_recorded": _scores(score, natural.responses, targets).max(axis=1),
    }
