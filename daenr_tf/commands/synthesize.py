"""`daenr synthesize` and `daenr control`: images that drive a twin's neurons, one at a time or as a population."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from daenr_tf.commands import synthesis_options
from daenr_tf.commands.process import Call, Parser, check_path
from daenr_tf.errors import one_line, refusal
from daenr_tf.machine.messages import LOGGER
from daenr_tf.machine.progress import counted
from daenr_tf.runs.directory import check_writable
from daenr_tf.twin import vectors
from daenr_tf.twin.goals import CONTROLS, EXCITE, OF_NATURAL, Kind
from daenr_tf.twin.origin import models_of

if TYPE_CHECKING:
    from daenr_tf.twin.twin import Twin

EPILOG = (
    "Images are in the model's own size, their contrast and its range in units in which the recording's grey levels go from"
    " -1 to 1. What the files say of responses is what the model predicts, not what an animal does."
)


def synthesize(call: Call) -> None:
    """The command `daenr synthesize`."""
    parser = Parser(
        prog=call.typed,
        description="Most exciting inputs: for each neuron the image, of a fixed contrast, that drives it most as predicted.",
        epilog=EPILOG,
    )
    synthesis_options.add(parser)
    _go(call, parser.read(call.arguments), EXCITE, None)


def control(call: Call) -> None:
    """The command `daenr control`."""
    parser = Parser(
        prog=call.typed,
        description="Population control: images that drive one neuron or a group and keep the rest down, or reach given"
        " responses.",
        epilog=EPILOG,
    )
    parser.add_argument(
        "--target",
        required=True,
        choices=CONTROLS,
        help="; ".join(f"{one.name}: {one.help}" for one in CONTROLS.values()),
    )
    parser.add_argument(
        "--responses",
        metavar="FILE",
        help="of --target vector: .npy or .csv of (vectors, neurons) responses per presentation",
    )
    synthesis_options.add(parser)
    options = parser.read(call.arguments)
    kind, given = CONTROLS[options.target], None
    if (options.responses is None) != (kind.targets is not None):
        wanted = "none" if kind.targets else "a file of responses"
        raise refusal("--responses", f"{wanted} with --target {kind.name}", options.responses)
    if options.responses is not None:
        check_path("--responses", options.responses)
        if options.neurons is not None:
            raise refusal("--neurons", f"none with --target {kind.name}", "some")
        given = vectors.read(options.responses)
    _go(call, options, kind, given)


def _go(call, options, kind, given):
    synthesis_options.check(options)
    for path in options.models:
        check_path("PATH", path)
        models_of(path)
    natural_images = synthesis_options.natural_images(options)
    name = os.path.basename(os.path.abspath(options.models[0]))
    out = options.out or os.path.join("runs", call.name, f"{name}-{options.method}-s{options.seed}")
    check_writable("--out", out)
    from daenr_tf.runs.quiet import import_tensorflow

    import_tensorflow()
    from daenr_tf.runs.determinism import make_deterministic
    from daenr_tf.twin.twin import Twin

    make_deterministic(options.seed)
    try:
        _work(options, kind, given, Twin.open(options.models), natural_images, out)
    except KeyboardInterrupt as stopped:
        said = str(stopped) or "interrupted"
        raise KeyboardInterrupt(
            f"{said}; what was done is kept in {out}, and the same command goes on with it"
        ) from None


def _work(options, kind: Kind, given, twin: Twin, natural_images, out):
    from daenr_tf.twin import natural as nature
    from daenr_tf.twin import outputs
    from daenr_tf.twin.stimulus import Constraint
    from daenr_tf.twin.synthesis import Plan, synthesise
    from daenr_tf.twin.work import Work

    started = time.monotonic()
    targets, numbers = _targets(options, kind, given, twin)
    if options.method == "latent" and twin.latent_size is None:
        twin.encode(None)  # says what it lacks
    where, read = natural_images
    natural = nature.seen(twin, read(), where)
    mean = float(natural.images.mean()) if options.mean is None else options.mean
    contrast = options.contrast or OF_NATURAL * natural.contrast
    plan = Plan(
        kind,
        targets,
        numbers,
        Constraint(round(contrast, 6), round(mean, 6)),
        options.method,
        options.steps,
        options.starts,
        options.seed,
        options.precondition,
        options.strength,
    )
    with Work(out, "--out", _settings(plan, twin, natural), outputs.PRODUCTS).held(
        options.overwrite
    ) as work:
        results = work.results()
        if results is None:
            with counted(len(plan.parts), "part") as advance:

                def known(number):
                    found = work.part(number)
                    if found is not None:
                        advance(1)
                    return found

                def keep(number, arrays):
                    work.write_part(number, arrays)
                    advance(1)

                arrays = synthesise(twin, plan, natural, known, keep)
            outputs.write(work, twin, plan, arrays, natural)
            seconds: dict[str, Any] = {"seconds": round(time.monotonic() - started, 3)}
            results = outputs.short(twin, plan, arrays, natural) | seconds
            work.finish(results)
        else:
            LOGGER.warning("%s: is finished; --overwrite starts afresh", one_line(out))
    for line in outputs.said(results):
        print(one_line(line))
    print(f"results: {one_line(out)}")


def _targets(options, kind, given, twin):
    """(targets (goals, neurons), what the goals are called by)."""
    count = twin.neurons
    if not count:
        twin.respond(None)  # says what it lacks
    if given is not None:
        if given.shape[1] != count:
            found = f"{given.shape[1]} in {options.responses}"
            raise refusal("--responses", f"a response of each of the {count} neurons", found)
        return given, list(range(len(given)))
    chosen = list(range(count)) if options.neurons is None else options.neurons
    if max(chosen) >= count:
        raise refusal("--neurons", f"numbers from 0 to {count - 1}", max(chosen))
    targets = kind.targets(chosen, count)
    if kind.leaves_others and (1 - targets).sum(axis=1).min() < 2:
        raise refusal(
            "--neurons", "at least 2 neurons besides, to keep down", f"{len(chosen)} of {count}"
        )
    return targets, chosen if len(targets) == len(chosen) else list(range(len(targets)))


def _settings(plan, twin, natural):
    """All that the outcome depends on."""
    return {
        "kind": plan.kind.name,
        "models": twin.digests,
        "natural": natural.digest,
        "goals": [int(number) for number in plan.numbers],
        "targets": vectors.digest(plan.targets),
        "method": plan.method,
        "contrast": plan.constraint.contrast,
        "mean": plan.constraint.mean,
        "starts": plan.starts,
        "steps": plan.steps,
        "seed": plan.seed,
        "precondition": plan.precondition,
        "strength": plan.strength,
    }
