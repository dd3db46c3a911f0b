"""A search over the settings of one model: tune."""

from pathlib import Path
from typing import Annotated, Any

import typer

from latentcast.cli.app import app
from latentcast.cli.forecast import seconds_in
from latentcast.cli.options import (
    Address,
    Config,
    Cpus,
    Data,
    Engine,
    Gpus,
    Horizon,
    Lookback,
    Resume,
    Retries,
    Seed,
    on_cluster,
    takes_settings,
)
from latentcast.cli.output import print_line, print_metrics, print_notes
from latentcast.core.log_capture import capture_log_messages


@app.command()
@takes_settings
def tune(
    data: Data,
    folder: Annotated[Path, typer.Option("--out", help="Folder to save into; the search is in tune/ below it.")],
    model: Annotated[str, typer.Option("--model", "-m", help="A model that is trained.")],
    space: Annotated[
        Path | None, typer.Option("--space", help="YAML file: settings, each with choices, or low and high.")
    ] = None,
    trials: Annotated[int | None, typer.Option("--trials", help="Trials, those before --resume included.")] = None,
    limit: Annotated[str | None, typer.Option("--time-limit", help="As 60s, 5m, 1h.")] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes with a trial each.")] = 1,
    threads: Annotated[int | None, typer.Option("--threads", min=1, help="Threads of each.")] = None,
    preset: Annotated[str | None, typer.Option("--preset", help="A preset of the model.")] = None,
    lookback: Lookback = None,
    horizon: Horizon = None,
    config: Config = None,
    seed: Seed = None,
    resume: Resume = False,
    engine: Engine = None,
    address: Address = None,
    cpus: Cpus = 1,
    gpus: Gpus = 0,
    retries: Retries = 3,
    *,
    settings: dict[str, Any],
) -> None:
    """Search the settings of a model by the validation part, and save it with the best ones."""
    from latentcast.benchmarking.tune import tune as run_tune

    with capture_log_messages() as notes:
        found = run_tune(
            data, model, space=space, trials=trials, time_limit=None if limit is None else seconds_in(limit),
            lookback=lookback, horizon=horizon, preset=preset, seed=seed, settings=settings, config=config,
            out=folder, resume=resume, workers=workers, threads=threads,
            **on_cluster(engine, address, cpus, gpus, retries),
        )  # fmt: skip
    print_notes(notes)
    print_line(found.summary())
    for name, share in found.importance.items():
        print_line(f"  {name}: {share:.0%} of the variance of the errors")
    if found.forecaster.card.validation is not None:
        print_metrics(found.forecaster.card.validation)
    print_line(f"saved in {folder}; the search is in {folder / 'tune'}: page.html, history.csv")
