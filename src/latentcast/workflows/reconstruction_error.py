"""Reconstruction error: the error of encode → decode alone, against the compression.

Each compression is trained alone on the training part and judged on the validation part, together with the best linear
code of the same size, which needs no training: the principal components of the same blocks of steps.
"""

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
import torch
from torch import Tensor

from latentcast.core.errors import DataError, Fault, SettingsError, shorten
from latentcast.core.nested import merge
from latentcast.core.types import Batch, Task
from latentcast.data.panel.build import build
from latentcast.data.panel.panel import Panel
from latentcast.data.panel.split import Part, Split, split
from latentcast.data.scaling.scaler import Scaler
from latentcast.data.settings import DataSettings
from latentcast.data.sources.open import open_data
from latentcast.data.types import IntoFrame
from latentcast.data.windows.windows import Windows, batch_size_for_memory, make_windows, window_starts
from latentcast.forecaster.forecaster import Forecaster
from latentcast.forecaster.load import as_forecaster
from latentcast.layers.compression import pad_left
from latentcast.layers.instance_norm import no_scale, window_scale
from latentcast.models.config.presets import MODEL_PRESETS
from latentcast.models.config.run import RunConfig, make_task, merge_user_settings, resolve_config
from latentcast.models.config.stage_names import RECONSTRUCT
from latentcast.models.network import Network
from latentcast.models.network import build as build_network
from latentcast.training.stages import AUTOENCODE
from latentcast.workflows.compression_point import Point
from latentcast.workflows.fitting.warm_start import inherit_settings

RATIOS = (2, 4, 8, 16, 32)
PARTS: tuple[Part, Part] = ("train", "val")
# noise would be a limit of the training, not of the compression; the rate is that of a short training
BRIEFLY = {"model": {"representation": {"dropout": 0.0}}, "training": {"lr": 1e-3}}
TO_THE_END: dict[str, Any] = {
    "keep": "last",
    "patience": None,
    "loggers": [],
    "max_epochs": 10**6,
}  # validation chooses nothing
WIDEST_BLOCK = 4096  # numbers in a block of steps; the covariance of larger ones is not made
MOST_WINDOWS = 2000  # that the linear code is fitted to, evenly spread


class Compresses(Protocol):
    """A representation that compresses: every `total` steps of `series_channels` become `latent_dim` numbers."""

    total: int
    latent_dim: int
    series_channels: int

    def num_tokens(self, time: int) -> int: ...


@dataclass(frozen=True)
class ReconstructionErrors:
    """The error of encode → decode alone, at several compressions.

    Attributes
    ----------
    model, data
        Names of the model and of the data.
    lookback, channels
        Size of a window.
    max_steps
        Training steps of each compression.
    windows
        Windows of the validation part, by which each is judged.
    points
        One for each compression, with that of a linear code (PCA) of the same size.
    notes
        Notes about the result.

    Examples
    --------
    >>> found = latentcast.reconstruction_error(frame, "latent-transformer", lookback=96)  # doctest: +SKIP
    >>> found.frame()  # doctest: +SKIP
    """

    model: str
    data: str
    lookback: int
    channels: int
    max_steps: int
    windows: int
    points: tuple[Point, ...]
    notes: tuple[str, ...] = ()

    def frame(self) -> pd.DataFrame:
        """Return one row for each compression.

        Returns
        -------
        pandas.DataFrame
            Sizes, errors of the codec and of PCA in scaled units, seconds, and `rate`.

        Examples
        --------
        Trains a codec for each compression:

        >>> latentcast.reconstruction_error(frame, "latent-transformer", lookback=96).frame()  # doctest: +SKIP
        """
        return pd.DataFrame([{**asdict(point), "rate": point.rate} for point in self.points])

    def title(self) -> str:
        """Return one sentence: what was compressed, and how it was judged.

        Returns
        -------
        str
            Model, data, size of a window, steps and windows.

        Examples
        --------
        >>> latentcast.reconstruction_error(frame, "latent-transformer", lookback=96).title()  # doctest: +SKIP
        """
        return (
            f"{self.model} on {self.data}: encode → decode alone, {self.lookback} steps × {self.channels} channels,"
            f" {self.max_steps} training steps each; {self.windows} windows of the validation part, scaled units;"
            " PCA: as many principal components of the same steps"
        )

    def plot(self, path: str | Path) -> Path:
        """Draw the error against the compression.

        Parameters
        ----------
        path
            File to write; its ending says which: PNG, PDF or SVG.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        SettingsError
            Another ending.
        CheckpointError
            The file cannot be written.

        Examples
        --------
        >>> found = latentcast.reconstruction_error(frame, "latent-transformer", lookback=96)  # doctest: +SKIP
        >>> found.plot("compression.png")  # doctest: +SKIP
        """
        from latentcast.reporting.figures import short
        from latentcast.workflows.plots.reconstruction_error import plot_floor

        title = (
            f"{self.model} on {short(self.data)}: encode → decode alone, windows of {self.lookback} steps"
            f" × {self.channels} channels, {self.max_steps} training steps"
        )
        plot_floor(title, self.points, Path(path))
        return Path(path)


def reconstruction_error(
    data: IntoFrame,
    model: str | None = None,
    *,
    lookback: int | None = None,
    presets: Sequence[str] = (),
    ratios: Sequence[int] = (),
    latent_dims: Sequence[int] = (),
    max_steps: int = 300,
    start: str | Path | Forecaster | None = None,
    seed: int | None = None,
    settings: Mapping[str, Any] | None = None,
    config: str | Path | None = None,
) -> ReconstructionErrors:
    """Train encode → decode alone at several compressions, and measure what each loses.

    Each is judged on the validation part, together with as many principal components of the same steps.

    Parameters
    ----------
    data
        Frame, file or dataset name.
    model
        A model with a compression in it. None: the model of `start`.
    lookback
        Steps of a window.
    presets, ratios, latent_dims
        Compressions: by preset, by how many numbers become one, or by numbers per latent. All empty: ratios 2 to 32.
    max_steps
        Training steps of each.
    start
        A forecaster, or its folder, whose weights training begins with.
    seed, settings, config
        As for `fit`.

    Returns
    -------
    ReconstructionErrors
        One point for each compression, in standardised units.

    Raises
    ------
    SettingsError
        The model compresses nothing, or settings are wrong; all faults in one error.
    DataError
        As `fit`.

    Examples
    --------
    >>> found = latentcast.reconstruction_error(
    ...     frame, "latent-transformer", lookback=24, ratios=[4], max_steps=2
    ... )
    >>> [point.total for point in found.points]
    [4]
    """
    values = merge_user_settings(model, None, lookback, None, seed, settings, config)
    fixed = sorted({"max_steps", "max_epochs", "keep", "patience"} & dict(values.get("training", {})).keys())
    if fixed:
        raise SettingsError(
            [f"training.{name}: every compression is trained for max_steps (--steps) and to the end" for name in fixed]
        )
    if "fraction" in dict(values.get("data", {})):
        raise SettingsError(Fault("data.fraction", ": a floor is learned from the whole training part; leave it out"))
    if start is not None:
        start = as_forecaster(start)
    source, defaults = open_data(data)

    def run_of(chosen: Mapping[str, Any], under: Mapping[str, Any] = BRIEFLY) -> RunConfig:
        whole = merge(merge(under, values), {**chosen, "training": {**TO_THE_END, "max_steps": max_steps}})
        whole = whole if start is None else inherit_settings(start, whole)
        return resolve_config({"horizon": whole.get("lookback", 1), **whole}, defaults)  # nothing is forecast

    base = run_of({}, under={})
    panel = build(source.frame, base.data)
    task = make_task(base, panel)
    with torch.random.fork_rng(range(torch.cuda.device_count())):  # the caller's stays as it is
        if not _network(base, task).reconstructs:
            raise SettingsError(Fault("model", f": {base.name} cannot reconstruct a look-back, so that it has no floor;"
                                f" these can: {', '.join(_able())}"))  # fmt: skip
        own = base.preset or "as stated"
        chosen: dict[str, dict[str, Any]] = {own: {}} if start is not None else {}
        chosen |= _choices(base, presets, ratios or (() if presets else RATIOS), latent_dims)
        runs = {label: run_of(choice) for label, choice in chosen.items()}
        networks = [_network(run, task) for run in runs.values()]  # what does not fit fails before any training
        parts = split(panel, base.data.split)
        knows = networks[0].uses_known
        train, val = (_windows(panel, parts, part, task, with_known=knows, settings=base.data) for part in PARTS)
        points = [
            _point(label, run, network, train, val)
            for (label, run), network in zip(runs.items(), networks, strict=True)
        ]
    notes = (*panel.notes, *_behind(points))
    return ReconstructionErrors(
        base.name, source.name, base.lookback, len(panel.channels), max_steps, len(val), tuple(points), notes
    )


def _behind(points: Sequence[Point]) -> list[str]:
    behind = [p.label for p in points if p.linear_mse is not None and p.mse > 2 * p.linear_mse]
    if not behind:
        return []
    return [
        f"as many principal components lose less than half as much as {shorten(behind)}: what limits that is layers and"
        " training (try more steps), not the size of a latent"
    ]


def _choices(
    base: RunConfig, presets: Sequence[str], ratios: Sequence[int], latent_dims: Sequence[int]
) -> dict[str, dict[str, Any]]:
    """Label → the settings that it stands for. Ratios that nobody stated are left out where they do not fit."""
    wrong = [f"{name}: got {n}, wanted a whole number of at least {least}"
             for name, numbers, least in (("ratios", ratios, 2), ("latent_dims", latent_dims, 1))
             for n in numbers if n < least]  # fmt: skip
    if latent_dims and presets and not ratios:
        wrong.append("latent_dims: they go with ratios, and a preset has its own: state ratios too")
    if wrong:
        raise SettingsError(wrong)
    found: dict[str, dict[str, Any]] = {name: {"model": {"name": base.name, "preset": name}} for name in presets}
    for total in ratios:
        if ratios is RATIOS and total > base.lookback:
            continue
        stages = _prime_factors(total)
        shape = {"ratios": stages, "channels": [min(64 * 2**n, 512) for n in range(len(stages))]}
        for dim in latent_dims or (None,):
            width = {} if dim is None else {"latent_dim": dim}
            label = f"{total}×" if dim is None else f"{total}× to {dim}"
            found[label] = {"model": {"representation": {**shape, **width}}}
    return found


def _prime_factors(number: int) -> list[int]:
    factors, divisor = [], 2
    while number > 1:
        while number % divisor == 0:
            factors.append(divisor)
            number //= divisor
        divisor += 1
    return factors


def _able() -> list[str]:
    """The named models that can reconstruct: none is built to find out, for some would fetch a language model."""
    return [name for name, named in MODEL_PRESETS.items() if RECONSTRUCT in named.stages]


def _network(run: RunConfig, task: Task) -> Network:
    torch.manual_seed(run.seed)
    return build_network(run.kind, run.model, task)


def _windows(
    panel: Panel, parts: Split, part: Part, task: Task, *, with_known: bool, settings: DataSettings
) -> Windows:
    """Windows of a look-back that lie wholly inside a part. Raises DataError when there are none."""
    low, high = parts.bounds(part)
    starts = window_starts(panel, low, high, 0, task.lookback)
    if not len(starts[0]):
        raise DataError(
            f"the {part} part holds no window of {task.lookback} steps: its longest has {int((high - low).max())};"
            " shorten lookback, or split differently (data.split)",
            setting="data.split",
        )
    scaler = Scaler.fit(panel, parts.train_end, settings)
    every = tuple(range(task.channels))
    return make_windows(panel, scaler, starts, task.lookback, 0, targets=every, with_known=with_known)


def _point(label: str, run: RunConfig, network: Network, train: Windows, val: Windows) -> Point:
    from latentcast.training.loop import StageTask
    from latentcast.training.run_stage import run_stage

    task, code = network.task, network.model.representation
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="latentcast-") as folder:
        run_stage(network, StageTask(AUTOENCODE, run.training, train, None, run.seed, Path(folder), durable=False))
    seconds = round(time.monotonic() - began, 2)
    network.cpu().eval()
    mse, mae = _errors(val, lambda batch: network.reconstruct(batch, alone=True).values)
    linear = _linear_code(code, train, network.model.normalise)
    linear_mse, linear_mae = (None, None) if linear is None else _errors(val, linear)
    kept = code.num_tokens(task.lookback) * code.latent_dim * (task.channels // code.series_channels)
    size = sum(parameter.numel() for parameter in AUTOENCODE.parameters(network))
    given = task.lookback * task.channels
    return Point(label, code.total, code.latent_dim, kept, given, size, mse, mae, linear_mse, linear_mae, seconds)


def _together(windows: Windows) -> int:
    return batch_size_for_memory(windows.lookback, windows.channels, most=256)


@torch.no_grad()
def _errors(windows: Windows, reconstruct: Callable[[Batch], Tensor]) -> tuple[float, float]:
    """Mean squared and mean absolute error over the observed values of all windows."""
    square = absolute = count = 0.0
    for _, batch in windows.in_batches(_together(windows)):
        error = (reconstruct(batch) - batch.past).double()
        error = error.flatten() if batch.observed is None else error[batch.observed]
        square, absolute = square + float(error.square().sum()), absolute + float(error.abs().sum())
        count += error.numel()
    return square / max(count, 1), absolute / max(count, 1)


def _linear_code(code: Compresses, train: Windows, centre: bool) -> Callable[[Batch], Tensor] | None:
    """Reconstruction by the principal components of blocks of steps, as many as a latent has numbers.

    No linear code of that size loses less on what it was fitted to. `centre` gives it the location of each window, as
    a model that normalises has it; a scale would change nothing.
    """
    width = code.total * code.series_channels
    if width > WIDEST_BLOCK:
        return None

    def to_blocks(batch: Batch) -> tuple[Tensor, Tensor]:
        past = batch.past.double()
        loc = window_scale(past, batch.observed).loc if centre else no_scale(past).loc
        x = past - loc
        series = x if code.series_channels > 1 else x.transpose(1, 2).reshape(-1, x.shape[1], 1)
        return pad_left(series, code.total).reshape(-1, width), loc

    spread = torch.linspace(0, len(train) - 1, min(len(train), MOST_WINDOWS)).long()
    count, total, products = 0, torch.zeros(width).double(), torch.zeros(width, width).double()
    for which in spread.split(_together(train)):
        blocks, _ = to_blocks(train.batch(which))
        count, total, products = count + len(blocks), total + blocks.sum(0), products + blocks.T @ blocks
    mean = total / count
    # eigenvalues ascend: the last columns are the components that vary most
    basis = torch.linalg.eigh(products / count - torch.outer(mean, mean)).eigenvectors[:, -code.latent_dim :]

    def reconstruct(batch: Batch) -> Tensor:
        blocks, loc = to_blocks(batch)
        given, time, channels = batch.past.shape
        kept = mean + (blocks - mean) @ basis @ basis.T
        series = kept.reshape(given * channels // code.series_channels, -1, code.series_channels)[:, -time:]
        values = series if code.series_channels > 1 else series.reshape(given, channels, time).transpose(1, 2)
        return values + loc

    return reconstruct
