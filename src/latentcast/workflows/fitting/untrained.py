"""A forecaster as it is before training."""

from dataclasses import replace

import torch

from latentcast.data.panel.panel import Panel
from latentcast.data.panel.split import Split
from latentcast.data.scaling.scaler import Scaler
from latentcast.forecaster import storage
from latentcast.forecaster.card import RunCard, Schema
from latentcast.forecaster.fit_statistics import FitStatistics
from latentcast.forecaster.forecaster import Forecaster
from latentcast.models.config.run import RunConfig, make_task
from latentcast.models.network import build as build_network
from latentcast.workflows.fitting.covariates import check_model_reads, with_covariates


def untrained(
    run: RunConfig, panel: Panel, parts: Split, name: str, scaler: Scaler | None = None
) -> tuple[Forecaster, list[str]]:
    """A forecaster with its first weights, and notes on its covariates.

    The weights are drawn from the run's seed, which torch keeps as its random state.
    """
    notes: list[str] = []
    run = replace(run, data=run.data.model_copy(update=dict(panel.found)))
    if scaler is None:
        scaler = with_covariates(Scaler.fit(panel, parts.train_end, run.data), run.data, panel, parts, notes)
    task = make_task(run, panel, None if scaler.effects is None else scaler.effects.covariates)
    torch.manual_seed(run.seed)
    network = build_network(run.kind, run.model, task)
    check_model_reads(run.data, network, run.name)
    covariates = None
    if scaler.effects is not None:
        covariates = {**scaler.effects.covariates.dump(), "weights": scaler.effects.weights.tolist()}
    card = RunCard(run.name, run.dump(), schema_of(run, panel, name), storage.versions(), covariates=covariates)
    return Forecaster(run, task, panel.channels, FitStatistics.of(panel, parts, scaler), network, card), notes


def schema_of(run: RunConfig, panel: Panel, name: str) -> Schema:
    """The data of a fit, as the run card names them."""
    return Schema(
        data=name,
        fingerprint=panel.fingerprint(),
        series=len(panel.ids) * len(panel.channels),
        steps=len(panel.values),
        channels=panel.channels,
        freq=panel.frequency.alias,
        season=panel.season,
        first=str(panel.times.min()),
        last=str(panel.times.max()),
        zone=panel.zone,
        gaps=run.data.gaps,
        filled=int((~panel.observed).sum()),
        wall=panel.clock.wall,
    )
