"""fit and pretrain: train a forecaster from a table and settings."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from latentcast.core.cluster import Cluster, Engine, check_engine
from latentcast.core.errors import Fault, SettingsError
from latentcast.core.nested import leaves, merge
from latentcast.core.notes import Note, NoteCode
from latentcast.data.panel.build import build
from latentcast.data.panel.split import split
from latentcast.forecaster.forecaster import Forecaster
from latentcast.forecaster.load import as_forecaster
from latentcast.models.config.lookback import default_lookback
from latentcast.models.config.presets import MODEL_PRESETS
from latentcast.models.config.run import merge_user_settings, resolve_config
from latentcast.training.ray_workers import RayTraining
from latentcast.training.stages import STAGES
from latentcast.workflows.fitting.datasets import (
    error_context,
    listed,
    open_numbered,
    read,
    validate_dataset_weights,
)
from latentcast.workflows.fitting.pipeline import run_fit
from latentcast.workflows.fitting.spec import FitOptions, FitSpec, TrainingData
from latentcast.workflows.fitting.warm_start import inherit_settings

SHIPPED = "generalist"  # the model whose weights the package ships


def fit(
    data: Any,
    model: str | None = None,
    *,
    lookback: int | None = None,
    horizon: int | None = None,
    preset: str | None = None,
    seed: int | None = None,
    settings: Mapping[str, Any] | None = None,
    config: str | Path | None = None,
    start: str | Path | Forecaster | None = None,
    weights: Sequence[float] | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool = False,
    threads: int | None = None,
    engine: Engine = "local",
    workers: int = 1,
    address: str | None = None,
    storage: str | None = None,
    cpus: float = 1,
    gpus: float = 0,
    retries: int = 3,
) -> Forecaster:
    """Train a model on the training part of the data.

    One global model learns from all series. Each series is split by time into a training, a validation and a test part
    (`data.split`; 70 %, 10 % and 20 % unless the dataset has a protocol of its own). The weights are learned on the
    training part, chosen and stopped by the validation part, whose errors also give the prediction intervals. The test
    part is not touched; judge it with `Forecaster.evaluate`, or models at rolling origins with `latentcast.backtest`.
    For production hold out no test part: `data.split=[0.9, 0.1, 0]`, or `[0, 48, 0]` for 48 validation steps.

    Parameters
    ----------
    data
        pandas or polars frame, path of a CSV or Parquet file, or a dataset's name (`latentcast datasets`). Wide data
        have one column for each series, long data the columns `unique_id`, `ds` and `y` (`data.id`, `data.time`,
        `data.value` name others). The frequency is inferred from the time stamps (`data.freq` sets it). Missing values
        and missing steps are masked, and neither learned from nor judged (`data.gaps` fills them instead). Stamps may
        be whole numbers. Series shorter than a window are padded, unless all are. A list trains one model on several
        datasets; the forecaster belongs to the first. The forecaster keeps no data: `predict` takes them again.
    model
        A name of `latentcast models`. `auto` chooses one for the data as `fit_auto` does. May be left out with `start`
        or where `settings` or `config` name it.
    lookback
        Steps of history that a forecast reads (`input_size` elsewhere). None takes four seasons or three horizons,
        whichever is longer, as far as the series are long enough.
    horizon
        Steps to forecast (`h`, `prediction_length` elsewhere). Required here, in `settings` or in `config`, except for
        `auto`.
    preset
        A named variant of the model (`latentcast models --presets`).
    seed
        Seed of the first weights, of the order of the windows and of dropout; 0 by default. Equal seeds, versions and
        numbers of threads give equal weights. The caller's random state is not changed.
    settings
        Further settings, nested or dotted: `{"training.lr": 1e-3, "data.gaps": "interpolate"}`; `settings.yaml` of a
        saved forecaster lists all of them. `data.split` takes three fractions, three row counts (0 first: all rows
        before), or the two dates at which validation and test begin. `data.future`, `data.past` and `data.static` name
        covariates, columns of the same table, as numbers or text; `data.scale` switches the standardisation of each
        series off, `model.normalise` that of each window on; `model.loss` or `model.head.loss` is mse, mae, …, and
        `model.head=quantile` learns quantiles;
        `training.max_steps`, `training.max_epochs` and `training.max_time` (seconds) bound the training;
        `training.patience` counts validations without a better loss, `training.validations` are made in each epoch;
        `training.accelerator` is `cpu`, `cuda` or `auto`, `training.devices` the number of processes. A setting that
        nothing reads is refused or named in a note.
    config
        YAML file of the same settings. Arguments and `settings` win over it.
    start
        A forecaster, or the folder of one, with whose weights training begins. Model and look-back are inherited.
        `generalist` fine-tunes the weights that the package ships (preset `all`, `head` or `low-rank`).
    weights
        For a list of datasets: share of the batches that comes from each. Left out, every window is met once an epoch.
    out
        Folder to save into, with checkpoints and logs. Left out, nothing is kept on disk; `Forecaster.save` does it
        later.
    overwrite
        Replace what latentcast wrote into `out` before.
    resume
        Go on with a training that was cut in `out`, to the weights that it would have had without the break. Settings
        and data must be the same.
    progress
        Show a progress bar.
    threads
        Threads that torch computes with; by default the cores that the process may use, at most those of torch
        (`OMP_NUM_THREADS`). The card records the number.
    engine
        `ray` trains in `workers` workers of a Ray cluster (extra `ray`). Series are dealt out to them; a batch is that
        of one process, so that the weights are the same but for rounding, where nothing is drawn at random (dropout)
        and nothing is shared by the windows of a batch. `local`: this process, or those of `training.devices`.
    workers, address, cpus, gpus
        Workers on Ray, the address of a running cluster (None starts one here), and the cores and GPUs of each.
    storage
        Folder or address (fsspec, `s3://…`) for checkpoints on Ray, which every node sees. None: in `out`.
    retries
        How often training on Ray goes on from the last checkpoint after a worker was lost.

    Returns
    -------
    Forecaster
        With the weights of the best validation, or the last ones where the model's recipe says so
        (`training.keep=last`). `card` holds settings, data, training and validation figures.

    Raises
    ------
    SettingsError
        Settings are unknown, contradictory or not available here; all faults in one error.
    DataError
        The data cannot be read, or are too short for a window.
    CheckpointError
        `out` is not empty, cannot be written, or cannot be continued.
    Interrupted
        SIGINT or SIGTERM arrived. With `out`, the same call with `resume=True` continues.

    Examples
    --------
    >>> import pandas as pd, latentcast
    >>> hours = pd.date_range("2024-01-01", periods=400, freq="h")
    >>> frame = pd.DataFrame({"ds": hours, "load": hours.hour.astype(float)})
    >>> forecaster = latentcast.fit(frame, "dlinear", lookback=48, horizon=2, settings={"training.max_steps": 20})
    >>> forecaster.predict(frame).columns.tolist()
    ['unique_id', 'ds', 'dlinear']
    """
    if isinstance(start, str | Path) and str(start) == SHIPPED and not Path(start).exists():
        if model not in (None, SHIPPED):
            raise SettingsError(Fault("model", f"={model}: the weights to begin with are those of {SHIPPED}"))
        start, model, preset = None, SHIPPED, preset or "all"
    values = merge_user_settings(model, preset, lookback, horizon, seed, settings, config)
    ray = _on_ray(engine, Cluster(workers, address, cpus, gpus, retries), storage)
    options = FitOptions(None if out is None else Path(out), overwrite, resume, progress, threads, ray=ray)
    return _fit(data, values, weights, start, options, forecast=True)


def pretrain(
    data: Any,
    model: str | None = None,
    *,
    lookback: int | None = None,
    horizon: int | None = None,
    preset: str | None = None,
    seed: int | None = None,
    settings: Mapping[str, Any] | None = None,
    config: str | Path | None = None,
    start: str | Path | Forecaster | None = None,
    weights: Sequence[float] | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool = False,
    threads: int | None = None,
    engine: Engine = "local",
    workers: int = 1,
    address: str | None = None,
    storage: str | None = None,
    cpus: float = 1,
    gpus: float = 0,
    retries: int = 3,
) -> Forecaster:
    """Train only the stages before forecasting; `fit(..., start=...)` continues from there, at any horizon.

    A `latent-transformer` learns to fill hidden values (`stages.reconstruct.mask`), a `vq-codec` its codes, a
    `token-transformer` the next code. Stages that `start` went through are not repeated, but for the last.

    Parameters
    ----------
    data, model, preset, seed, settings, config, start, weights, out, overwrite, resume, progress,
    threads, engine, workers, address, storage, cpus, gpus, retries
        As in `fit`. Each stage has settings of its own (`stages.reconstruct.lr`); those of `training` belong to the
        forecasts and are refused.
    lookback
        Steps of a window.
    horizon
        May be left out: 1, or as long as the look-back where a stage reads beyond that.

    Returns
    -------
    Forecaster
        It does not forecast yet; `impute`, `anomaly_scores` and `fit` take it.

    Raises
    ------
    SettingsError
        The model has no such stage, or settings are wrong; all faults in one error.
    DataError, CheckpointError, Interrupted
        As in `fit`.

    Examples
    --------
    >>> import pandas as pd, latentcast
    >>> hours = pd.date_range("2024-01-01", periods=400, freq="h")
    >>> frame = pd.DataFrame({"ds": hours, "load": hours.hour.astype(float)})
    >>> quick = {"stages.reconstruct.max_steps": 2, "data.gaps": "mask"}
    >>> latentcast.pretrain(frame, "latent-transformer", lookback=24, settings=quick).card.learned
    ('reconstruct',)
    """
    values = merge_user_settings(model, preset, lookback, horizon, seed, settings, config)
    ray = _on_ray(engine, Cluster(workers, address, cpus, gpus, retries), storage)
    options = FitOptions(None if out is None else Path(out), overwrite, resume, progress, threads, ray=ray)
    return _fit(data, values, weights, start, options, forecast=False)


def _on_ray(engine: Engine, cluster: Cluster, storage: str | None) -> RayTraining | None:
    """Training on Ray, where it is asked for. Raises SettingsError for what only Ray reads."""
    check_engine(engine, cluster)
    if engine == "ray":
        return RayTraining(cluster, storage)
    plain = Cluster()
    given = {name: getattr(cluster, name) != getattr(plain, name) for name in ("address", "cpus", "gpus", "retries")}
    faults = [Fault(name, ": is of a Ray cluster; say engine=ray") for name, it in given.items() if it]
    if storage is not None:
        faults.append(Fault("storage", ": is of a Ray cluster; say engine=ray"))
    if cluster.workers != 1:
        text = (
            f"={cluster.workers}: processes of this machine are training.devices={cluster.workers}; or say engine=ray"
        )
        faults.append(Fault("workers", text))
    if faults:
        raise SettingsError(faults)
    return None


def _fit(
    data: Any,
    values: dict[str, Any],
    weights: Sequence[float] | None,
    start: str | Path | Forecaster | None,
    options: FitOptions,
    *,
    forecast: bool,
) -> Forecaster:
    """One dataset, or a list of them, with all settings in `values`."""
    begin = None if start is None else as_forecaster(start)
    given = values
    if begin is not None:
        values = inherit_settings(begin, values)
    values = with_stages(values, begin, forecast=forecast)
    first, *others = listed(data)
    shares = validate_dataset_weights(weights, 1 + len(others))
    source, defaults = open_numbered(first, 1 if others else None)
    chooses = forecast and values.get("lookback") is None
    run = resolve_config({**values, "lookback": 1} if chooses else values, defaults)
    name, frame = source.name, [source.frame]
    del source
    with error_context(name if others else None):
        panel = build(frame.pop(), run.data)  # no name here holds the frame: it is freed as soon as it is read
    if chooses:
        ends = split(panel, run.data.split).train_end
        steps = default_lookback(run.name, panel.season, run.horizon, ends)
        run = resolve_config({**values, "lookback": steps}, defaults)
        run = replace(run, notes=(*run.notes, Note(f"look-back of {steps} steps, by default", NoteCode.MODEL)))
    beside = tuple(read(other, values, number) for number, other in enumerate(others, 2))
    spec = FitSpec(run, forecast, begin, given, defaults)
    return run_fit(spec, TrainingData(name, panel, others=beside, weights=shares), options)


def with_stages(values: dict[str, Any], start: Forecaster | None = None, *, forecast: bool = True) -> dict[str, Any]:
    """Settings with the stages that the model must go through, without those that `start` went through.

    Raises SettingsError for a model that has nothing to learn of what is asked.
    """
    chosen, stages = values.get("model"), values.get("stages", {})
    name = chosen.get("name") if isinstance(chosen, Mapping) else chosen
    if not isinstance(stages, Mapping) or not isinstance(name, str) or name not in MODEL_PRESETS:
        return values  # `resolve_config` reports their faults
    named = MODEL_PRESETS[name]
    learned = () if start is None else start.card.learned
    if forecast and not named.forecasts:
        grown = [other for other, its in MODEL_PRESETS.items() if name in its.grows_from]
        raise SettingsError(
            Fault(
                "model",
                f": {name} forecasts nothing: make it with latentcast pretrain, and begin with it (--from) to fit"
                f" {' or '.join(grown)}",
            )
        )
    if not forecast and not named.stages:
        able = [other for other, its in MODEL_PRESETS.items() if its.stages]
        raise SettingsError(
            Fault("model", f": {name} learns nothing before forecasting; {', '.join(able)} can be pretrained")
        )
    ahead = [stage for stage in (named.required if forecast else named.stages) if stage not in learned]
    if not forecast and not ahead:
        ahead = [list(named.stages)[-1]]
    values = {**values, "stages": merge({stage: {} for stage in ahead}, stages)}
    return values if forecast else _for_pretraining(values)


def _for_pretraining(values: dict[str, Any]) -> dict[str, Any]:
    """Settings of `pretrain`. Raises SettingsError for those of the forecasts' training, which nothing would read."""
    stages = list(values["stages"])
    if stray := _training_settings(values):
        raise SettingsError([_belongs_to_a_stage(path, stages) for path in stray])
    reads_on = any(stage in STAGES and STAGES[stage].ahead for stage in stages)
    values.setdefault("horizon", values.get("lookback", 1) if reads_on else 1)  # what belongs to it stays small
    return values


def _training_settings(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Paths of the settings of training that a user gave."""
    given = values.get("training")
    return tuple(f"training.{path}" for path, _ in leaves(given)) if isinstance(given, Mapping) and given else ()


def _belongs_to_a_stage(path: str, stages: Sequence[str]) -> str:
    setting = path.partition(".")[2]
    instead = " or ".join(f"stages.{stage}.{setting}" for stage in stages)
    return f"{path}: pretrain trains the stages before forecasting, each by its own settings; set {instead}"
