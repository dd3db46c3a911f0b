"""evaluate_m4: judge a model by the rules of the M4 competition, with the organisers' own methods."""

import logging
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from latentcast.core.errors import DataError, Fault, SettingsError
from latentcast.core.nested import merge, nested
from latentcast.core.notes import Note, NoteCode
from latentcast.core.types import Batch, Task
from latentcast.data.panel.build import build
from latentcast.data.sources.files import first_line
from latentcast.data.sources.m4 import BASE, REFERENCES, Array, Competition, Frequency, chosen, load
from latentcast.evaluation.m4_metrics import Score, mase, owa, pooled, smape
from latentcast.forecaster.forecaster import Forecaster
from latentcast.forecaster.load import as_forecaster
from latentcast.models.config.presets import MODEL_PRESETS
from latentcast.models.config.run import RunConfig, resolve_config
from latentcast.models.hybrid.model import Hybrid
from latentcast.models.hybrid.settings import reading_all, reads_everything
from latentcast.models.network import build as build_network
from latentcast.workflows.fitting.fit import with_stages
from latentcast.workflows.fitting.pipeline import run_fit
from latentcast.workflows.fitting.spec import FitOptions, FitSpec, TrainingData
from latentcast.workflows.fusion import weigh

log = logging.getLogger("latentcast")
AT_ONCE = 64  # whole histories in a batch


@dataclass(frozen=True)
class M4:
    """Scores of a model and of the organisers' methods, by frequency and over all common frequencies.

    forecasts   frequency → [series, horizon] of the model, in the order of the competition
    notes       missing parts and choices

    Examples
    --------
    Reads the data of the competition:

    >>> judged = latentcast.evaluate_m4("seasonal-naive", "M4-hourly")  # doctest: +SKIP
    >>> judged.of("hourly")[0].owa  # doctest: +SKIP
    """

    model: str | None
    scores: tuple[Score, ...]
    forecasts: dict[str, Array]
    seconds: dict[str, float]
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        return pd.DataFrame([vars(score) for score in self.scores]).to_string(index=False, float_format="{:.3f}".format)

    def of(self, frequency: str) -> list[Score]:
        """Return the scores of one frequency.

        Parameters
        ----------
        frequency
            As `hourly`, or the name of the pooled rows.

        Returns
        -------
        list of Score
            The model's, then those of the organisers' methods.

        Examples
        --------
        >>> latentcast.evaluate_m4("seasonal-naive", "M4-hourly").of("hourly")  # doctest: +SKIP
        """
        return [score for score in self.scores if score.frequency == frequency]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON.

        Returns
        -------
        dict
            Scores, seconds and notes, without the forecasts.

        Examples
        --------
        >>> latentcast.evaluate_m4("seasonal-naive", "M4-hourly").to_dict()["scores"][0]  # doctest: +SKIP
        """
        scores = [vars(score) for score in self.scores]
        return {"model": self.model, "scores": scores, "seconds": self.seconds, "notes": list(self.notes)}

    def plot(self, path: str | Path) -> Path:
        """Draw the OWA of every method by frequency; sMAPE where no method has an OWA.

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
        >>> latentcast.evaluate_m4("seasonal-naive", "M4-hourly").plot("m4.png")  # doctest: +SKIP
        """
        from latentcast.reporting.charts import draw_bars

        figure = "owa" if any(score.owa is not None for score in self.scores) else "smape"
        found = {(score.method, score.frequency): getattr(score, figure) for score in self.scores}
        frequencies = list(dict.fromkeys(frequency for _, frequency in found))
        methods = dict.fromkeys(method for method, _ in found)
        first = [name for name in methods if name == self.model]  # the model judged is drawn above the references
        groups = {}
        for method in [*first, *(name for name in methods if name != self.model)]:
            values = [found.get((method, frequency)) for frequency in frequencies]
            groups[method] = [math.nan if value is None else value for value in values]
        draw_bars(Path(path), f"M4: {'OWA' if figure == 'owa' else 'sMAPE'}, lower is better", frequencies, groups)
        return Path(path)


def evaluate_m4(
    model: str | Forecaster | Path | None = None,
    frequencies: str | Sequence[str] = "M4",
    *,
    preset: str | None = None,
    seed: int | None = None,
    settings: Mapping[str, Any] | None = None,
    progress: bool = False,
) -> M4:
    """Judge a model by the rules of the M4 competition: sMAPE, MASE and OWA over the whole test part, once.

    The look-back is 2·H; models fitted to their input (auto-arima, auto-ets, theta) read all of each series. The last
    horizon of the training part validates, or more of it: `data.split=[0, 4·H, H]` holds out four horizons, from which
    a hybrid learns its weights.

    Parameters
    ----------
    model
        A name of `latentcast models`, fitted to each frequency; or a forecaster, or its folder, fitted to the one
        dataset M4-… that is judged. None: only the organisers' methods.
    frequencies
        `M4` for all six, or names such as `M4-hourly`, separated by commas or as a list.
    preset, seed, settings
        As in `fit`, for every frequency.
    progress
        Show a progress bar.

    Returns
    -------
    M4
        Scores by frequency and over all frequencies, forecasts, and notes on frequencies whose test part is missing
        (left out) or whose training part is missing (no fit and no MASE).

    Raises
    ------
    DataError
        No frequency is available.
    SettingsError
        As `fit`.

    Examples
    --------
    Needs the M4 data (`LATENTCAST_DATA` or the net):

    >>> latentcast.evaluate_m4("seasonal-naive", "M4-hourly").scores  # doctest: +SKIP
    """
    asked = chosen(frequencies if isinstance(frequencies, str) else ",".join(frequencies))
    fitted = _fitted(model)
    if fitted is not None:
        asked = [_its_frequency(fitted, asked)]
    if (fitted is not None or model is None) and (preset is not None or seed is not None or settings):
        what = "the organisers' methods are" if model is None else "a fitted forecaster is"
        raise SettingsError(f"{what} what was made before: leave out preset, seed and settings, or name a model")
    runs = {} if fitted is not None or model is None else _runs(str(model), asked, preset, seed, settings)
    name = fitted.name if fitted is not None else None if model is None else str(model)
    scores: list[Score] = []
    notes: list[str] = []
    forecasts: dict[str, Array] = {}
    seconds: dict[str, float] = {}
    bases: dict[str, tuple[float, float]] = {}
    for frequency in asked:
        try:
            there = load(frequency)
        except DataError as error:
            notes.append(f"M4-{frequency.name}: not judged: {first_line(error)}")
            continue
        notes += there.missing
        found = dict(there.references)
        if there.train is not None and name is not None:
            began = time.perf_counter()
            found[name] = forecasts[frequency.name] = _forecast(fitted or runs[frequency.name], there, progress)
            seconds[frequency.name] = time.perf_counter() - began
        if BASE not in found:
            notes.append(f"M4-{frequency.name}: OWA by the published figures of {BASE}")
        judged = {method: _score(method, values, there) for method, values in found.items()}
        bases[frequency.name] = _base(judged, frequency)
        scores += [replace(one, owa=owa(one.smape, one.mase, bases[frequency.name])) for one in judged.values()]
    if not scores:
        raise DataError("nothing of the M4 competition that was asked for is there:\n  " + "\n  ".join(notes))
    scores += _over_all(scores, [*REFERENCES, *([name] if name is not None else [])], bases)
    once = tuple(Note(note, NoteCode.RESULT) for note in dict.fromkeys(notes))
    return M4(name, tuple(scores), forecasts, seconds, once)


def _base(judged: Mapping[str, Score], frequency: Frequency) -> tuple[float, float]:
    """sMAPE and MASE of Naive 2: measured here where they can be, else as the organisers published them."""
    base = judged.get(BASE)
    return (base.smape, base.mase) if base is not None and base.mase is not None else frequency.naive2


def _over_all(scores: Sequence[Score], methods: Sequence[str], bases: dict[str, tuple[float, float]]) -> list[Score]:
    """Each method over the frequencies that all of them have been judged on in full; none where that is only one."""
    whole = {
        method: {score.frequency: score for score in scores if score.method == method and score.mase is not None}
        for method in methods
    }
    there = [found for found in whole.values() if found]
    shared = [name for name in there[0] if all(name in found for found in there)] if there else []
    if len(shared) < 2:
        return []
    return [pooled([found[name] for name in shared], bases) for found in whole.values() if found]


def _score(method: str, forecast: Array, there: Competition) -> Score:
    error = None
    if there.train is not None:
        error = float(np.nanmean(mase(there.test, forecast, there.train, there.frequency.season)))
    return Score(method, there.frequency.name, len(there.ids), float(smape(there.test, forecast).mean()), error)


def _runs(
    model: str,
    asked: Sequence[Frequency],
    preset: str | None,
    seed: int | None,
    settings: Mapping[str, Any] | None,
) -> dict[str, RunConfig]:
    """One Run a frequency. Raises SettingsError before anything is fitted."""
    stated = nested(settings or {})
    if own := [key for key in ("lookback", "horizon") if key in stated]:
        raise SettingsError([f"{key}: is the competition's: look-back 2·H, horizon H" for key in own])
    named = {key: value for key, value in (("name", model), ("preset", preset)) if value is not None}
    runs = {}
    for each in asked:
        sizes = {"lookback": 2 * each.horizon, "horizon": each.horizon, **({} if seed is None else {"seed": seed})}
        values = with_stages(merge(merge({"model": {"name": model}}, stated), {"model": named, **sizes}))
        run = runs[each.name] = resolve_config(
            values, {"season": each.season, "split": (0, each.horizon, each.horizon)}
        )
        _check_split(run, each)
    return runs


def _check_split(run: RunConfig, frequency: Frequency) -> None:
    """The last horizon is the competition's test part; what is held out lies before it."""
    rule, h = run.data.split, frequency.horizon
    if rule[0] != 0 or rule[1] < h or rule[2] != h or not all(isinstance(count, int) for count in rule):
        stated = rule if isinstance(rule, str) else ",".join(map(str, rule))
        raise SettingsError(
            Fault(
                "data.split",
                f"={stated}: by the rules of M4 the last {h} steps of {frequency.name} series are the test part:"
                f" state counts, 0,{h},{h}, or 0,{4 * h},{h} to hold out more of the training part",
            )
        )


def _fitted(model: str | Forecaster | Path | None) -> Forecaster | None:
    """The forecaster that is judged; None for the name of a model, which also wins over a folder of that name."""
    if model is None or (isinstance(model, str) and (model in MODEL_PRESETS or not Path(model).is_dir())):
        return None
    return as_forecaster(model)


def _its_frequency(fitted: Forecaster, asked: Sequence[Frequency]) -> Frequency:
    """Raises SettingsError when it was fitted to something else than what is to be judged."""
    data = fitted.card.schema.data
    for each in asked:
        if data == f"M4-{each.name}" and fitted.task.horizon == each.horizon:
            _check_split(fitted.run, each)
            if fitted.card.update is not None:
                raise SettingsError(
                    f"this {fitted.name} was updated with data that may reach into the test part; judge what fit wrote"
                )
            return each
    wanted = ", ".join(f"M4-{one.name}: {one.horizon}" for one in asked)
    raise SettingsError(
        f"this {fitted.name} was fitted to {data} at horizon {fitted.task.horizon}; by the rules of M4 it is fitted to"
        f" the frequency that is judged, at its horizon ({wanted}). Fit it so, or name a model instead of a folder"
    )


def _forecast(how: RunConfig | Forecaster, there: Competition, progress: bool) -> Array:
    """[series, horizon] beyond the end of the training part."""
    if isinstance(how, RunConfig):
        assert there.train is not None
        whole, longest = reads_everything(how), max(len(values) for values in there.train)
        if all(whole):
            return _from_whole_histories(how, there, longest)
        if any(whole):  # the members of a hybrid that can; the others have the look-back of the rules
            # steps of the longest history before the last horizon
            how = reading_all(how, longest - how.data.split[1] - how.horizon)
        own = TrainingData(f"M4-{there.frequency.name}", build(there.frame(whole=True), how.data))
        how = run_fit(FitSpec(how), own, FitOptions(progress=progress))
    frame = how.predict(there.frame())
    values = frame[how.name].to_numpy(np.float64).reshape(-1, there.frequency.horizon)
    order = {name: row for row, name in enumerate(frame["unique_id"].astype(str).iloc[:: there.frequency.horizon])}
    return np.asarray(values[[order[name] for name in there.ids]])


def _from_whole_histories(run: RunConfig, there: Competition, longest: int) -> Array:
    """Of a model that learns nothing beside what it reads: each series as one window, of the longest one's length.

    The weights of a hybrid are learned before, on the horizons that are held out of each training part.
    """
    assert there.train is not None
    task = Task(longest, run.horizon, season=there.frequency.season, items=len(there.train))
    network = build_network(run.kind, run.model, task).eval()
    if isinstance(network.model, Hybrid) and network.model.settings.fusion not in ("average", "fixed"):
        held = range(run.data.split[1], run.horizon - 1, -run.horizon)  # in the order of time
        batches = chain.from_iterable(_whole(there, longest, hold, run.horizon) for hold in held)
        for note in weigh(network.model, batches, 1.0)[1]:
            log.warning(note)
    found = []
    with torch.inference_mode():
        for batch in _whole(there, longest):
            found.append(network(batch).values[..., 0].double().numpy())
    return np.concatenate(found)


def _whole(there: Competition, longest: int, hold: int = 0, horizon: int = 0) -> Iterator[Batch]:
    """Training parts as windows, begun earlier with steps that are not shown; of the last `hold` steps the first
    `horizon` are target."""
    assert there.train is not None
    for begin in range(0, len(there.train), AT_ONCE):
        some = there.train[begin : begin + AT_ONCE]
        past = np.zeros((len(some), longest, 1))
        seen = np.zeros(past.shape, np.bool_)
        target, judged = np.zeros((len(some), horizon, 1)), np.zeros((len(some), horizon, 1), np.bool_)
        for row, values in enumerate(some):
            known = values[: max(0, len(values) - hold)]
            past[row, longest - len(known) :, 0], seen[row, longest - len(known) :] = known, True
            ahead = values[len(known) : len(known) + horizon]
            target[row, : len(ahead), 0], judged[row, : len(ahead)] = ahead, len(known) > 0
        yield Batch(
            torch.from_numpy(past),
            torch.from_numpy(seen),
            torch.from_numpy(target) if hold else None,
            torch.from_numpy(judged) if hold else None,
            item=torch.arange(begin, begin + len(some)),
        )
