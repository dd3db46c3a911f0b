"""Train one network: what is solved in closed form, then what is learned by gradient, stage after stage."""

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path

import torch

from latentcast.core.errors import Interrupted
from latentcast.core.notes import Note, NoteCode
from latentcast.forecaster.card import StageReport, TrainingReport
from latentcast.forecaster.forecaster import Forecaster
from latentcast.models.config.training import TrainingSettings
from latentcast.models.inspection import count_parameters
from latentcast.models.ridge.spread import sums_on_ray
from latentcast.training.stages import Stage
from latentcast.training.validated import ValidatedForecasts
from latentcast.workflows.fitting.solving import keep_parts_that_pay, solve_closed_form
from latentcast.workflows.fitting.spec import FitOptions, Stages
from latentcast.workflows.fitting.windows import StageWindows

Supplies = Sequence[StageWindows]


def weights_of(forecaster: Forecaster) -> dict[str, torch.Tensor]:
    """A copy of the weights as they are now."""
    return {name: tensor.clone() for name, tensor in forecaster.network.state_dict().items()}


def is_solved(forecaster: Forecaster, stages: Stages) -> bool:
    """Whether the model, or a part of it, is solved in closed form: what forecasts is, once its stage comes."""
    return "solved" in forecaster.network.capabilities.training and stages[-1][0].forecasts


def is_trained(forecaster: Forecaster) -> bool:
    """Whether anything is learned by gradient."""
    return count_parameters(forecaster.network)[1] > 0


def train_network(
    forecaster: Forecaster,
    stages: Stages,
    supplies: Supplies,
    drawn: Mapping[str, torch.Tensor],
    folder: Path,
    options: FitOptions,
    validated: ValidatedForecasts | None = None,
) -> list[Note]:
    """Solve and train in place as the model asks for, with reports in the card; notes on what came of it.

    `supplies` are the training and validation windows of each stage, `drawn` the weights before any training: tensors
    that still equal them are listed as untrained. `validated` receives the forecasts of the validation whose weights
    the network ends with, where it is trained alone. Raises what `run_stage` raises.
    """
    notes = []
    solved, trained = is_solved(forecaster, stages), is_trained(forecaster)
    if solved:
        with nullcontext() if options.ray is None else sums_on_ray(options.ray.cluster):
            report = solve_closed_form(forecaster, *supplies[-1][:2])
        forecaster.card = replace(forecaster.card, solved=report)
        if outcome := report.get("outcome"):
            notes.append(Note(f"{forecaster.name}: {outcome}", NoteCode.MODEL))
    if trained:
        train_stages(forecaster, stages, supplies, drawn, folder, options, None if solved else validated)
    if solved and (found := keep_parts_that_pay(forecaster, supplies[-1].val)):
        forecaster.card = replace(forecaster.card, solved={**(forecaster.card.solved or {}), **found})
        asked = getattr(forecaster.network.model, "parts_from", forecaster.name)
        notes.append(Note(f"{asked}: parts {found['parts']}", NoteCode.MODEL))
    return notes


def train_stages(
    forecaster: Forecaster,
    stages: Stages,
    supplies: Supplies,
    drawn: Mapping[str, torch.Tensor],
    folder: Path,
    options: FitOptions,
    validated: ValidatedForecasts | None = None,
) -> None:
    """Train by gradient, and write the report into the card."""
    began = time.monotonic()
    try:
        ended = [
            _train(forecaster, number, stage, training, supply, folder, options, validated)
            for number, ((stage, training), supply) in enumerate(zip(stages, supplies, strict=True))
        ]
    except Interrupted as error:
        if options.out is not None:
            raise
        raise Interrupted(
            "training was interrupted, and nothing of it is kept; name a folder (out) to be able to go on"
        ) from error
    after = forecaster.network.cpu().state_dict()
    untouched = tuple(name for name, tensor in drawn.items() if torch.equal(tensor, after[name]))
    last, seconds = ended[-1], round(time.monotonic() - began, 2)
    report = TrainingReport(last.windows, last.validation_windows, tuple(ended), seconds)
    forecaster.card = replace(forecaster.card, untrained=untouched, training=report)


def _train(
    forecaster: Forecaster,
    number: int,
    stage: Stage,
    training: TrainingSettings,
    supply: StageWindows,
    folder: Path,
    options: FitOptions,
    validated: ValidatedForecasts | None,
) -> StageReport:
    from latentcast.training.loop import StageTask
    from latentcast.training.run_stage import run_stage

    if number:  # however the stage before ended, or was resumed
        torch.manual_seed(forecaster.run.seed + number)
    train, val, test = supply
    durable = options.out is not None
    task = StageTask(stage, training, train, val, forecaster.run.seed, folder, durable=durable, test=test)
    if stage.targets:
        task = replace(task, validated=validated)
    task = replace(task, watch=options.watch if stage.forecasts else None)
    how = {"resume": options.resume, "progress": options.progress, "ray": options.ray}
    outcome = run_stage(forecaster.network, task, **how)  # type: ignore[arg-type]
    found = stage.check(forecaster.network, train if val is None else val) if stage.check else None
    return StageReport(
        **asdict(outcome),
        windows=len(train),
        validation_windows=len(val or ()),
        trained_parameters=sum(parameter.numel() for parameter in stage.parameters(forecaster.network)),
        found=found,
    )
