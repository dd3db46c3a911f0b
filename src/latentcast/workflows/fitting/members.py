"""Train the members of a hybrid, and learn its weights."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from latentcast.core.errors import DataError, SettingsError
from latentcast.core.notes import Note, NoteCode
from latentcast.data.panel.padding import pad_short
from latentcast.forecaster.card import TrainingReport
from latentcast.forecaster.forecaster import Forecaster
from latentcast.forecaster.inputs import prepare
from latentcast.workflows.fitting.datasets import TrainingDataset
from latentcast.workflows.fitting.spec import FitOptions, FitSpec
from latentcast.workflows.fitting.stages import is_solved, is_trained, train_network, weights_of
from latentcast.workflows.fitting.windows import training_windows
from latentcast.workflows.fusion import fuse


def check_members_trainable(spec: FitSpec, others: Sequence[TrainingDataset]) -> None:
    """Raises SettingsError for what a model cannot do whose members are trained one after another."""
    faults = []
    if spec.start is not None:
        faults.append("a hybrid begins with no weights and is not updated: fit it again on the newer data")
    if others:
        faults.append("a hybrid learns from one dataset: name one")
    if faults:
        raise SettingsError(faults)


def train_members(forecaster: Forecaster, own: TrainingDataset, folder: Path, options: FitOptions) -> list[Note]:
    """Train each member as it would be trained alone, then learn the weights on held-out windows; notes on these.

    With `options.resume` members whose training ended keep their weights, one that was cut goes on, and the others
    begin: each has a folder of its own.
    """
    model, whole = forecaster.network.model, forecaster.run
    ended: dict[str, TrainingReport] = {}
    notes: list[Note] = []
    for label, run in model.runs.items():
        run = replace(run, data=whole.data, seed=whole.seed)
        torch.manual_seed(run.seed)
        network = model.networks[label] = model.fresh(label)
        alone = replace(forecaster, run=run, task=model.task_of(label), network=network)
        if not (is_trained(alone) or is_solved(alone, FitSpec(run).stages)):
            continue
        try:
            said = _train_alone(alone, own, folder / "members" / label, options)
        except (DataError, SettingsError) as error:
            raise type(error)(f"member {label}: {error}") from error
        notes += [note.of(label) for note in said]
        if alone.card.training is not None:
            ended[label] = alone.card.training
    forecaster.network.cpu().eval()
    fusion, of_fusion = fuse(forecaster, prepare(forecaster, own.panel))
    forecaster.card = replace(forecaster.card, members=ended, fusion=fusion)
    return [*notes, *(Note(note, NoteCode.FUSION) for note in of_fusion)]


def _train_alone(alone: Forecaster, own: TrainingDataset, folder: Path, options: FitOptions) -> list[Note]:
    spec = FitSpec(alone.run)
    longer = pad_short(own.panel, own.parts, alone.run.lookback, alone.run.horizon)
    member = replace(own, panel=longer.panel, parts=longer.parts)
    if options.ray is not None:
        options = replace(options, ray=replace(options.ray, offsets=longer.panel.offsets))
    supplies = [training_windows(alone, [member], None, *each) for each in spec.stages]
    return train_network(alone, spec.stages, supplies, weights_of(alone), folder, options)
