"""Fit one candidate on the training part, within the time that is left."""

from dataclasses import replace

from latentcast.benchmarking.candidates import Candidate
from latentcast.benchmarking.origins import Searched
from latentcast.core.notes import NoteLog
from latentcast.forecaster.forecaster import Forecaster
from latentcast.workflows.fitting.pipeline import (
    build_untrained,
    check_trainable,
    own_random_state,
    train,
    training_folder,
)
from latentcast.workflows.fitting.spec import FitOptions, FitSpec, TrainingData


def fit_candidate(task: Searched, candidate: Candidate, left: float | None = None) -> Forecaster:
    """Train for at most `left` seconds; nothing is calibrated."""
    run = task.resolved(candidate)
    if left is not None:
        run = replace(run, training=run.training.model_copy(update={"max_time": left}))
    spec, data = FitSpec(run), TrainingData(task.name, task.panel, parts=task.parts)
    notes, options = NoteLog(), FitOptions()
    with own_random_state():
        prepared = build_untrained(spec, check_trainable(spec, data, notes), options, notes)
        with training_folder(prepared.forecaster, options) as folder:
            train(spec, prepared, folder, options, notes)
    prepared.forecaster.card = replace(prepared.forecaster.card, notes=tuple(notes))
    return prepared.forecaster
