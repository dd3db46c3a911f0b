"""Commands that train: fit, pretrain, update."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from latentcast.cli.app import app
from latentcast.cli.options import (
    Address,
    Config,
    Cpus,
    Data,
    Engine,
    Folder,
    Fraction,
    Gpus,
    Horizon,
    Lookback,
    Overwrite,
    Resume,
    Retries,
    Seed,
    Several,
    Start,
    Weights,
    Workers,
    numbers_in,
    on_cluster,
    refuse_unread,
    several_in,
    takes_settings,
    takes_threads,
    with_fraction,
)
from latentcast.cli.output import counted, print_line, print_metrics, print_notes, report_line, showing_pace
from latentcast.core.assignments import assignment, option
from latentcast.core.errors import SettingsError
from latentcast.core.log_capture import capture_log_messages

if TYPE_CHECKING:
    from collections.abc import Callable

    from latentcast.forecaster.card import DatasetReport, Schema
    from latentcast.forecaster.forecaster import Forecaster
    from latentcast.models.pretrained.tuning import Learn


@app.command()
@takes_threads
@takes_settings
def fit(
    data: Several,
    folder: Annotated[Path, typer.Option("--out", help="Folder to save into.")],
    model: Annotated[str | None, typer.Option("--model", "-m", help="A name of 'latentcast models', or auto.")] = None,
    preset: Annotated[str | None, typer.Option("--preset", help="A preset of the model.")] = None,
    lookback: Lookback = None,
    horizon: Horizon = None,
    fraction: Fraction = None,
    weights: Weights = None,
    config: Config = None,
    seed: Seed = None,
    start: Start = None,
    overwrite: Overwrite = False,
    resume: Resume = False,
    engine: Engine = None,
    workers: Workers = None,
    address: Address = None,
    storage: Annotated[
        str | None, typer.Option("--storage", help="Folder or address of the checkpoints, with --engine ray.")
    ] = None,
    cpus: Cpus = 1,
    gpus: Gpus = 0,
    retries: Retries = 3,
    *,
    settings: dict[str, Any],
) -> None:
    """Train a model and save it; --model auto chooses one."""
    from latentcast.workflows.fitting.fit import fit as run_fit

    cluster = {**on_cluster(engine, address, cpus, gpus, retries), "workers": workers or 1, "storage": storage}
    if model == "auto":
        given = {"--preset": preset, "--lookback": lookback, "--weights": weights, "--from": start, "--resume": resume}
        given |= {"--engine": engine, "--workers": workers, "--storage": storage}
        if unread := [name for name, value in given.items() if value]:
            raise SettingsError([f"{name}: --model auto chooses it; leave it out, or name a model" for name in unread])
        _choose(data, folder, horizon, seed, with_fraction(settings, fraction), config, overwrite=overwrite)
        return

    _learn(
        run_fit, data, folder, weights, model=model, lookback=lookback, horizon=horizon, preset=preset,
        seed=seed, settings=with_fraction(settings, fraction), config=config, start=start, overwrite=overwrite,
        resume=resume, **cluster,
    )  # fmt: skip


@app.command()
@takes_threads
@takes_settings
def pretrain(
    *,
    data: Annotated[str | None, typer.Argument(metavar="[DATA]", help="As for fit; generalist needs none.")] = None,
    folder: Annotated[Path, typer.Option("--out", help="Folder to save into.")],
    model: Annotated[str | None, typer.Option("--model", "-m", help="A model that learns before it forecasts.")] = None,
    preset: Annotated[str | None, typer.Option("--preset", help="A preset of the model.")] = None,
    lookback: Lookback = None,
    horizon: Horizon = None,
    start: Start = None,
    mask: Annotated[float | None, typer.Option("--mask", help="Share of the values that is hidden.")] = None,
    block: Annotated[int | None, typer.Option("--block", help="Steps that are hidden together.")] = None,
    fraction: Fraction = None,
    weights: Weights = None,
    config: Config = None,
    seed: Seed = None,
    hours: Annotated[float | None, typer.Option("--hours", help="Core-hours, for generalist (default 0.18).")] = None,
    processes: Annotated[
        int, typer.Option("--processes", min=0, help="Processes that simulate ahead, for generalist.")
    ] = 0,
    overwrite: Overwrite = False,
    resume: Resume = False,
    settings: dict[str, Any],
) -> None:
    """Train the stages before the forecast (hidden values, codes, next codes; generalist: all, on simulated series)."""
    if model == "generalist" and data is not None:
        unread: list[tuple[str, object]] = [("--config", config), ("--weights", weights), ("--fraction", fraction)]
        unread += [("--hours", hours), ("--processes", processes), ("--resume", resume)]
        refuse_unread("is not for fine-tuning a generalist; leave it out", unread)
        _finetune_generalist(data, folder, preset, lookback, horizon, start, seed, settings)
        return
    if model == "generalist":
        unread = [("--lookback", lookback), ("--horizon", horizon), ("--from", start), ("--config", config)]
        unread += [("--weights", weights), ("--fraction", fraction), ("--set", settings or None)]
        refuse_unread(
            "generalist is pretrained on simulated series; leave it out, or name DATA to fine-tune on", unread
        )
        _pretrain_generalist(folder, preset, hours, seed, processes, overwrite=overwrite, resume=resume)
        return
    if data is None or hours is not None or processes:
        raise SettingsError(
            "DATA: is required" if data is None else "--hours and --processes: are for generalist alone"
        )
    from latentcast.core.nested import merge_without_conflict, nested
    from latentcast.workflows.fitting.fit import pretrain as run_pretrain

    hidden = {"mask": mask, "block": block}
    stated = {f"stages.reconstruct.{key}": value for key, value in hidden.items() if value is not None}
    settings = with_fraction(merge_without_conflict(settings, nested(stated)), fraction)
    _learn(
        run_pretrain, data, folder, weights, model=model, lookback=lookback, horizon=horizon, preset=preset,
        seed=seed, settings=settings, config=config, start=start, overwrite=overwrite, resume=resume,
    )  # fmt: skip


def _finetune_generalist(
    data: str,
    folder: Path,
    preset: str | None,
    lookback: int | None,
    horizon: int | None,
    start: Path | None,
    seed: int | None,
    settings: dict[str, Any],
) -> None:
    """Shipped weights, or those of a folder, trained further on DATA."""
    from latentcast.workflows.pretraining.finetune import TuningPlan, finetune_generalist

    if horizon is None:
        raise SettingsError("--horizon: is required, to fine-tune a generalist for it")
    if preset not in (None, "head", "all", "low-rank"):
        raise SettingsError(f"--preset {preset}: wanted head, all or low-rank, which say what is trained")
    learn = cast("Learn", preset or "all")
    with capture_log_messages() as notes:
        plan = TuningPlan(learn=learn, context=lookback or 512, seed=seed or 0)
        begin = "small" if start is None else str(start)
        found = finetune_generalist(data, folder, horizon, plan, start=begin, settings=settings)
    print_notes(notes)
    print_line(
        f"{counted(found.windows, 'window')}, {counted(found.epochs, 'epoch')}; validation loss {found.before:.4g}"
        f" before, {found.after:.4g} after; mean share of the linear map {found.map_share:.2f}"
    )
    print_line(f"weights in {found.path}; use them with --set {assignment('model.weights', folder)}")


def _pretrain_generalist(
    folder: Path,
    preset: str | None,
    hours: float | None,
    seed: int | None,
    processes: int,
    *,
    overwrite: bool,
    resume: bool,
) -> None:
    """Weights of a generalist from simulated series, into the folder."""
    from latentcast.workflows.pretraining.generalist import PretrainingPlan, pretrain_generalist, rounds_in

    with capture_log_messages():
        plan = PretrainingPlan(preset or "small", rounds_in(0.18 if hours is None else hours), seed or 0)
        path = pretrain_generalist(folder, plan, processes=processes, overwrite=overwrite, resume=resume)
    print_line(f"weights in {path}; use them with --set {assignment('model.weights', folder)}")


def _choose(
    data: str,
    folder: Path,
    horizon: int | None,
    seed: int | None,
    settings: dict[str, Any],
    config: Path | None,
    *,
    overwrite: bool,
) -> None:
    """The best of several models by the validation part, saved into the folder."""
    from latentcast.benchmarking.auto import fit_auto

    with capture_log_messages():  # of candidates; those of the model that is chosen stand in its card
        found = fit_auto(
            data, horizon=horizon, seed=seed, settings=settings, config=config, out=folder, overwrite=overwrite,
            report=report_line,
        )  # fmt: skip
    print_line(found.summary())
    if found.forecaster.card.validation is not None:
        print_metrics(found.forecaster.card.validation)
    print_line(
        f"saved in {folder}; the same model again: latentcast fit DATA {option('config', str(folder / 'auto.yaml'))}"
        " --out DIR"
    )


def _learn(how: "Callable[..., Forecaster]", data: str, folder: Path, weights: str | None, **stated: Any) -> None:
    """fit or pretrain, saved into the folder; the first process says what became of it."""
    from latentcast.workflows.fitting.processes import is_first_process

    shares = None if weights is None else numbers_in("--weights", weights)
    with capture_log_messages() as notes, showing_pace():
        forecaster = how(several_in(data), weights=shares, out=folder, progress=sys.stderr.isatty(), **stated)
    if is_first_process():
        _trained(forecaster, folder, notes)


def _trained(forecaster: "Forecaster", folder: Path, notes: list[str]) -> None:
    from latentcast.models.inspection import count_parameters
    from latentcast.training.codebook_usage import in_words

    print_notes(notes)
    card, parameters = forecaster.card, count_parameters(forecaster.network)[0]
    print_line(f"{forecaster.name} on {card.schema.data}: {_size(card.schema)}")
    for dataset in card.datasets[1:]:
        print_line(f"and on {dataset.data}: {_size(dataset)}")
    for stage in () if card.training is None else card.training.stages:
        loss = stage.best_val_loss
        print_line(
            f"{stage.stage}: {counted(stage.windows, 'window')} in {stage.seconds:.1f} s, epochs {stage.epochs}, steps"
            f" {stage.steps}, stopped by {stage.stopped_by}; parameters trained {stage.trained_parameters:,} of"
            f" {parameters:,}" + ("" if loss is None else f"; best validation loss {loss:.4g}")
        )
        if stage.found is not None:
            print_line(f"{stage.stage}: {in_words(stage.found)}")
    for label, training in (card.members or {}).items():
        last = training.stages[-1]
        print_line(
            f"{label}: {counted(last.windows, 'window')} in {training.seconds:.1f} s, epochs {last.epochs}, steps"
            f" {last.steps}, stopped by {last.stopped_by}"
        )
    if card.fusion is not None:
        print_line(f"fusion {card.fusion.fusion}: {card.fusion.summary()}")
    if card.validation is not None:
        print_metrics(card.validation)
    print_line(f"saved in {folder}")


def _size(data: "Schema | DatasetReport") -> str:
    return f"{data.series} series, {counted(data.steps, 'step')}, frequency {data.freq}"


@app.command()
@takes_threads
def update(
    folder: Folder,
    data: Data,
    out: Annotated[Path, typer.Option("--out", help="Folder of the updated forecaster.")],
    steps: Annotated[int, typer.Option("--steps", min=1, help="Training steps of the update.")] = 100,
    lr: Annotated[float | None, typer.Option("--lr", help="Learning rate; a tenth of the fit's when left out.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the folder.")] = False,
) -> None:
    """Continue training a saved model as its data grow: a few steps, in the units of its fit."""
    from latentcast.workflows.update import update as run_update

    with capture_log_messages() as notes:
        made = run_update(folder, data, steps=steps, lr=lr, out=out, overwrite=overwrite)
    print_notes(notes)
    found = made.card.update
    assert found is not None
    print_line(
        f"MSE of the last tenth: {found.val_mse_before:.4g} before, {found.val_mse_after:.4g} after {steps} steps;"
        f" {out} holds {found.kept}"
    )
