"""One cell in a process of its own: `python -m daenr_tf.commands.cell` reads what to do from its standard input."""

import os

from daenr_tf.commands.ordered import obey
from daenr_tf.experiments.cells import OTHER_IMAGES, Cell
from daenr_tf.experiments.study import Study, cell_directory


def main() -> None:
    """Run the cell that standard input names, in one line of JSON, and leave with a status as a recipe's."""
    obey(
        lambda order: Cell.from_dict(order["cell"]).name,
        lambda order: run_cell(
            Cell.from_dict(order["cell"]), Study(**order["study"]), order["results_dir"]
        ),
    )


def run_cell(cell: Cell, study: Study, results_dir: str) -> None:
    """Train and evaluate a cell; one that is unfinished goes on, one that is finished is left, one that is at work elsewhere is waited for.

    Args:
        cell: `Cell`.
        study: `Study`.
        results_dir: str, of the whole study.

    Raises:
        InputError, MachineError, DivergedError, KeyboardInterrupt: as a run does.
    """
    from daenr_tf.experiments import cell_outputs
    from daenr_tf.runs import interruption, run
    from daenr_tf.runs.directory import RunDirectory
    from daenr_tf.runs.waiting import held_when_free

    config, place = study.config(cell), cell_directory(results_dir, cell)
    results = os.path.join(place, cell_outputs.RESULTS)
    if os.path.exists(results):
        return
    whole = study.recording(cell.setting.region)
    base = cell.base and cell_outputs.Finished(
        results_dir, study, {cell.setting.region: whole}
    ).read(cell.base)
    recording, neurons = cell_outputs.prepared(whole, cell, base)
    facts = {"cell": cell.to_dict(), "recording": whole.digest}
    with held_when_free(RunDirectory(place, config, (recording or whole).digest)) as directory:
        if os.path.exists(results):  # of whom we waited for
            return
        if recording is None:
            directory.write_results(
                {
                    "skipped": f"no neuron is {cell.setting.group.removesuffix('-cv')}",
                    **facts,
                    "seconds": 0.0,
                }
            )
            directory.clear_checkpoint()
            return

        def conclude(sets, model, evaluation):
            cell_outputs.write(directory, neurons, sets, model, evaluation)
            return facts

        products = run.Products(
            directory.file("saved_model") if study.complete else None,
            model=study.complete,
            figures=study.complete,
            tensorboard=study.complete,
        )

        def change(sets):
            if cell.setting.group != OTHER_IMAGES:
                return sets
            from daenr_tf.pipeline import exchange_targets

            return exchange_targets(sets, cell.seed)

        with interruption.watched() as stop:
            run.fit(config, recording, directory, stop, products, conclude, change)


if __name__ == "__main__":
    main()
