"""The command line: parse, call the library, print. Nothing heavy is imported before a command runs."""

import functools
import inspect
import json
import logging
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from latentcast import show
from latentcast.errors import Interrupted, LatentcastError, SettingsError

if TYPE_CHECKING:
    from latentcast.forecaster import Forecaster

app = typer.Typer(
    help="Forecast time series in a learned representation.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
out = Console()
err = Console(stderr=True)

Data = Annotated[str, typer.Argument(metavar="DATA", help="A dataset's name, or a CSV or Parquet file.")]
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A folder that fit wrote.")]
Lookback = Annotated[int | None, typer.Option("--lookback", "-L", help="Steps that are read.")]
Horizon = Annotated[int | None, typer.Option("--horizon", "-H", help="Steps that are forecast.")]
Config = Annotated[Path | None, typer.Option("--config", help="YAML file of settings.")]
Seed = Annotated[int | None, typer.Option("--seed", help="Random seed (default 0).")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]
Start = Annotated[Path | None, typer.Option("--from", metavar="DIR", help="Begin with the weights in it.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with training that was cut in the folder.")]

Level = Annotated[str | None, typer.Option("--level", help="Levels of prediction intervals in per cent, as 80,90.")]
Method = Annotated[
    str, typer.Option("--intervals", help="How they are made: auto, conformal, adaptive, quantiles or paths.")
]
Paths = Annotated[int, typer.Option("--paths", min=2, help="Futures drawn a window, of a model that samples.")]
Stride = Annotated[int, typer.Option("--stride", min=1, help="Read one window of so many: a sample, and said to be.")]
Fraction = Annotated[
    float | None, typer.Option("--fraction", help="Few-shot: learn from this first share of the training part.")
]
Weights = Annotated[str | None, typer.Option("--weights", help="Of several DATA: shares of the batches, as 1,1,2.")]
Several = Annotated[
    str, typer.Argument(metavar="DATA", help="A dataset's name or a file; several, separated by commas.")
]
Transfer = Annotated[
    bool, typer.Option("--transfer", help="DATA are others than those of the fit: read by their own rules.")
]

Text = str | None
OF_DATA = {  # settings of the data with an option of their own
    "features": Annotated[Text, typer.Option(help="M: all → all, S: target → target, MS: all → target.")],
    "target": Annotated[Text, typer.Option(help="Channel that S and MS forecast.")],
    "gaps": Annotated[Text, typer.Option(help="Missing values: mask (default), interpolate, ffill or error.")],
    "freq": Annotated[Text, typer.Option(help="Frequency, when it is not to be inferred: h, 15min, D, MS …")],
    "time": Annotated[Text, typer.Option(help="Name of the time column.")],
    "id": Annotated[Text, typer.Option(help="Long data: name of the column that tells series apart.")],
    "value": Annotated[Text, typer.Option(help="Long data: name of the value column.")],
    "describe": Annotated[Text, typer.Option(help="What the data are, in a sentence: language models read it.")],
}
CALLED = {"describe": "description"}  # where the option and the setting have different names
ANY = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Any setting: training.lr=1e-3, data.split=0.8,0.1,0.1"),
]


def takes_settings(command: Callable[..., None]) -> Callable[..., None]:
    """The command with --set and the options of the data; it is given them as one nest of `settings`."""
    options: dict[str, Any] = {**OF_DATA, "assign": ANY}

    @functools.wraps(command)
    def whole(**values: Any) -> None:
        from latentcast.config import merge, nested, parse_assignments

        assign, *texts = (values.pop(name) for name in ("assign", *OF_DATA))
        given = zip(OF_DATA, texts, strict=True)
        stated = {f"data.{CALLED.get(key, key)}": text for key, text in given if text is not None}
        command(**values, settings=merge(parse_assignments(assign or []), nested(stated)))

    signature = inspect.signature(command)
    own = [parameter for name, parameter in signature.parameters.items() if name != "settings"]
    kind = inspect.Parameter.KEYWORD_ONLY
    added = [inspect.Parameter(name, kind, default=None, annotation=hint) for name, hint in options.items()]
    whole.__signature__ = signature.replace(parameters=[*own, *added])  # type: ignore[attr-defined]
    whole.__annotations__ = {parameter.name: parameter.annotation for parameter in (*own, *added)}
    del whole.__wrapped__  # typer would read the signature of what is inside
    return whole


@app.command()
@takes_settings
def fit(
    data: Several,
    folder: Annotated[Path, typer.Option("--out", help="Folder to save into.")],
    model: Annotated[str | None, typer.Option("--model", "-m", help="A name of 'latentcast models'.")] = None,
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
    *,
    settings: dict[str, Any],
) -> None:
    """Train a model and save it."""
    import latentcast
    from latentcast.fitting import is_first_process

    with _notes() as notes:
        forecaster = latentcast.fit(
            _several(data),
            model,
            lookback=lookback,
            horizon=horizon,
            preset=preset,
            seed=seed,
            settings=_with_fraction(settings, fraction),
            config=config,
            start=start,
            weights=None if weights is None else _numbers("--weights", weights),
            out=folder,
            overwrite=overwrite,
            resume=resume,
            progress=sys.stderr.isatty(),
        )
    if is_first_process():
        _trained(forecaster, folder, notes)


@app.command()
@takes_settings
def pretrain(
    data: Several,
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
    overwrite: Overwrite = False,
    resume: Resume = False,
    *,
    settings: dict[str, Any],
) -> None:
    """Train what comes before forecasts (hidden values, codes, next codes): for impute, and for fit --from."""
    import latentcast
    from latentcast.config import merge, nested
    from latentcast.fitting import is_first_process

    stated = {
        f"stages.reconstruct.{key}": value for key, value in (("mask", mask), ("block", block)) if value is not None
    }
    settings = merge(settings, nested(stated))
    with _notes() as notes:
        forecaster = latentcast.pretrain(
            _several(data),
            model,
            lookback=lookback,
            horizon=horizon,
            preset=preset,
            seed=seed,
            settings=_with_fraction(settings, fraction),
            config=config,
            start=start,
            weights=None if weights is None else _numbers("--weights", weights),
            out=folder,
            overwrite=overwrite,
            resume=resume,
            progress=sys.stderr.isatty(),
        )
    if is_first_process():
        _trained(forecaster, folder, notes)


def _several(text: str) -> str | list[str]:
    """A,B,C → the three of them; a path that exists as it is stated is one file, whatever its name."""
    if "," not in text or Path(text).exists():
        return text
    return [name.strip() for name in text.split(",") if name.strip()]


def _with_fraction(settings: dict[str, Any], fraction: float | None) -> dict[str, Any]:
    from latentcast.config import merge

    return settings if fraction is None else merge(settings, {"data": {"fraction": fraction}})


def _trained(forecaster: "Forecaster", folder: Path, notes: list[str]) -> None:
    from latentcast.training.health import in_words

    _say(notes)
    card = forecaster.card
    schema = card["schema"]
    size = f"{schema['series']} series, {_count(schema['steps'], 'step')}, frequency {schema['freq']}"
    _line(f"{forecaster.name} on {schema['data']}: {size}")
    for one in card.get("datasets", ())[1:]:
        size = f"{one['series']} series, {_count(one['steps'], 'step')}, frequency {one['freq']}"
        _line(f"and on {one['data']}: {size}")
    for stage in card.get("training", {}).get("stages", ()):
        loss = stage["best_val_loss"]
        _line(
            f"{stage['stage']}: {_count(stage['windows'], 'window')} in {stage['seconds']:.1f} s, epochs"
            f" {stage['epochs']}, steps {stage['steps']}, stopped by {stage['stopped_by']}; parameters trained"
            f" {stage['trained_parameters']:,} of {forecaster.parameters:,}"
            + ("" if loss is None else f"; best validation loss {loss:.4g}")
        )
        if "found" in stage:
            _line(f"{stage['stage']}: {in_words(stage['found'])}")
    for label, one in card.get("members", {}).items():
        last = one["stages"][-1]
        _line(
            f"{label}: {_count(last['windows'], 'window')} in {one['seconds']:.1f} s, epochs {last['epochs']}, steps"
            f" {last['steps']}, stopped by {last['stopped_by']}"
        )
    if "fusion" in card:
        from latentcast.fusing import in_words as fused

        _line(f"fusion {card['fusion']['fusion']}: {fused(card['fusion'])}")
    if "validation" in card:
        _metrics(card["validation"])
    _line(f"saved in {folder}")


@app.command()
@takes_settings
def predict(
    folder: Folder,
    data: Data,
    file: Annotated[Path, typer.Option("--out", help="CSV or Parquet file to write.")],
    plot: Annotated[Path | None, typer.Option("--plot", help="PNG, PDF or SVG file to draw.")] = None,
    future: Annotated[
        Path | None,
        typer.Option("--future", help="What is known in advance of the steps to be forecast (data.future)."),
    ] = None,
    horizon: Horizon = None,
    level: Level = None,
    intervals: Method = "auto",
    paths: Paths = 100,
    transfer: Transfer = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
    *,
    settings: dict[str, Any],
) -> None:
    """Forecast beyond the end of DATA, dated, in original units."""
    from latentcast.write import check_file, write_frame

    for path, suffixes in ((file, (".csv", ".parquet")), (plot, (".png", ".pdf", ".svg"))):
        if path is not None:
            check_file(path, suffixes, overwrite=overwrite)
    with _notes() as notes:
        forecaster = _for_data(folder, data, settings, horizon, transfer=transfer, held_out=False)
        levels = _levels(level)
        forecast = forecaster.predict(data, future=future, level=levels, intervals=intervals, paths=paths)
        write_frame(forecast, file)
        if plot is not None:
            from latentcast.plot.forecast import plot_forecast

            plot_forecast(forecaster, data, forecast, plot)
    _say(notes)
    _line(f"{_count(len(forecast), 'row')} in {file} ({forecast['ds'].min()} .. {forecast['ds'].max()})")
    if levels is not None:
        _line(f"intervals: {forecaster.interval_maker(levels, intervals, paths).words()}")
    if plot is not None:
        _line(f"drawn in {plot}")


@app.command()
def update(
    folder: Folder,
    data: Data,
    out: Annotated[Path, typer.Option("--out", help="Folder of the updated forecaster.")],
    steps: Annotated[int, typer.Option("--steps", min=1, help="Training steps from where it stands.")] = 100,
    lr: Annotated[float | None, typer.Option("--lr", help="Learning rate; a tenth of the fit's when left out.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the folder.")] = False,
) -> None:
    """Go on with a trained model as its data grow: a few steps, in the units that it knows."""
    import latentcast

    with _notes() as notes:
        made = latentcast.update(folder, data, steps=steps, lr=lr, out=out, overwrite=overwrite)
    _say(notes)
    found = made.card["update"]
    _line(
        f"MSE of the last tenth: {found['val_mse_before']:.4g} before, {found['val_mse_after']:.4g} after {steps}"
        f" steps; {out} holds {found['kept']}"
    )


def _levels(text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(level) for level in text.split(",")]
    except ValueError:
        raise SettingsError(f"--level {text}: wanted numbers of per cent, separated by commas, as 80,90") from None


@app.command()
def calibrate(
    folder: Folder,
    data: Data,
    split: Annotated[str, typer.Option("--split", help="The part that is read: val or test.")] = "val",
    base: Annotated[
        str, typer.Option("--base", help="What is widened: point, quantiles, paths; auto: quantiles where learned.")
    ] = "auto",
    paths: Paths = 100,
    stride: Stride = 1,
) -> None:
    """Take what prediction intervals are made of from held-out windows of DATA, and keep it in the folder.

    fit did so with the validation part. Say --split test when nothing is to be judged by the test part any more.
    """
    import latentcast

    with _notes() as notes:
        forecaster = latentcast.load(folder)
        result = forecaster.calibrate(data, split=split, base=base, paths=paths, stride=stride)  # type: ignore[arg-type]
        forecaster.write(folder)
    _say([*notes, *result.notes])
    if forecaster.calibration is None:
        _say([f"no step ahead was observed in all of the {split} part: the folder has no calibrated intervals now"])
    else:
        _line(f"intervals: conformal {forecaster.calibration.words()}; kept in {folder}")


def _for_data(
    folder: Path,
    data: str,
    settings: dict[str, Any],
    horizon: int | None,
    *,
    transfer: bool,
    held_out: bool = True,
) -> "Forecaster":
    """The saved forecaster, its model changed as stated; with --transfer made ready for other data."""
    import latentcast
    from latentcast.config import leaves

    of_model = {key: value for key, value in settings.items() if key == "model"}
    rest = {key: value for key, value in settings.items() if key != "model"}
    forecaster = latentcast.load(folder, settings=of_model, horizon=horizon)
    if transfer:
        return latentcast.transfer(forecaster, data, rest, held_out=held_out)
    if stated := [path for path, _ in leaves(rest)]:
        raise SettingsError(
            f"{', '.join(stated)}: the settings of the data are those of the fit; others go with --transfer, which"
            " reads DATA by their own rules"
        )
    return forecaster


@app.command()
def impute(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that pretrain wrote.")],
    data: Data,
    file: Annotated[Path | None, typer.Option("--out", help="CSV or Parquet file to write.")] = None,
    judge: Annotated[
        str | None, typer.Option("--judge", help="Shares of the test part to hide and fill: 0.125,0.25,0.375,0.5")
    ] = None,
    block: Annotated[int, typer.Option("--block", min=1, help="Steps that --judge hides together.")] = 1,
    tail: Annotated[bool, typer.Option("--tail", help="--judge hides the end of each window.")] = False,
    beside: Annotated[
        str | None, typer.Option("--beside", help="Other folders, separated by commas, judged on the same values.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Fill the gaps of DATA; --judge tells how well, on values that are hidden."""
    import latentcast
    from latentcast.write import check_file, write_frame

    if file is None and judge is None:
        raise SettingsError("impute fills gaps into a file (--out FILE), or judges itself (--judge 0.25), or both")
    masks = [] if judge is None else _numbers("--judge", judge, "shares above 0 and below 1")
    if (beside or tail or block > 1) and not masks:
        raise SettingsError("--beside, --block and --tail say how --judge judges: state it too, as --judge 0.25")
    if file is not None:
        check_file(file, (".csv", ".parquet"), overwrite=overwrite)
    with _notes() as notes:
        forecaster = latentcast.load(folder)
        result = None if file is None else latentcast.impute(forecaster, data)
        others = [name.strip() for name in (beside or "").split(",") if name.strip()]
        members = {str(folder): forecaster, **{name: latentcast.load(name) for name in others}}
        judged = {
            name: latentcast.judge_imputation(member, data, masks=masks, block=block, tail=tail)
            for name, member in members.items()
            if masks
        }
    _say(list(result.notes) if result is not None else notes)
    if result is not None and file is not None:
        write_frame(result.frame, file)
        _line(f"{_count(result.filled, 'value')} of {result.values} filled, in {file}")
    for name, rows in judged.items():
        how = "at their end" if tail else f"in stretches of {block} steps" if block > 1 else "one by one"
        title = f"{rows[0].windows} windows of the test part, values hidden {how} and filled; scaled units"
        _line(f"{name}: {title}" if len(judged) > 1 else title)
        out.print(show.imputation(rows))


@app.command()
def score(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A vq-codec or a token-transformer.")],
    data: Data,
    file: Annotated[Path, typer.Option("--out", help="CSV or Parquet file to write.")],
    top: Annotated[int, typer.Option("--top", min=0, help="Strangest steps to print.")] = 5,
    overwrite: Overwrite = False,
) -> None:
    """How strange each step of DATA is to its codes: reconstruction error and surprise."""
    import latentcast
    from latentcast.write import check_file, write_frame

    check_file(file, (".csv", ".parquet"), overwrite=overwrite)
    with _notes() as notes:
        result = latentcast.score(folder, data)
    _say([*notes, *result.notes])
    write_frame(result.frame, file)
    _line(f"{_count(len(result.frame), 'step')} judged, in {file}")
    if top:
        strangest = result.frame.nlargest(top, "score")
        rows = [
            (row.unique_id, str(row.ds), f"{row.y:.4g}", *(f"{value:.3g}" for value in row[3:]))
            for row in strangest.itertuples(index=False, name="Row")
        ]
        out.print(show.grid(rows, "series", "step", "value", *strangest.columns[3:]))


def _numbers(option: str, text: str, wanted: str = "numbers") -> list[float]:
    try:
        return [float(number) for number in text.split(",")]
    except ValueError:
        raise SettingsError(f"{option} {text}: wanted {wanted}, separated by commas") from None


@app.command()
@takes_settings
def evaluate(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A folder that fit wrote; or a model, with --protocol.")
    ],
    data: Data,
    protocol: Annotated[
        str | None,
        typer.Option(
            "--protocol",
            help="m4: DATA is M4, or M4-hourly …; a model's name in place of DIR is fitted first. paper-droplast:B:"
            " beside the figures those of a script that drops its last incomplete batch of B test windows.",
        ),
    ] = None,
    split: Annotated[str, typer.Option("--split", help="train, val, test or all.")] = "test",
    level: Level = None,
    intervals: Method = "auto",
    paths: Paths = 100,
    file: Annotated[Path | None, typer.Option("--json", help="JSON file to write.")] = None,
    batch_size: Annotated[
        int | None, typer.Option("--batch-size", min=1, help="Windows at once; changes no figure.")
    ] = None,
    stride: Stride = 1,
    on: Annotated[
        str | None, typer.Option("--on", help="Other DATA, separated by commas: judged too, without training on them.")
    ] = None,
    horizon: Horizon = None,
    transfer: Transfer = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the JSON file.")] = False,
    *,
    settings: dict[str, Any],
) -> None:
    """Judge every window of one part once, in scaled and original units."""
    import latentcast
    from latentcast.write import check_file, write_text

    if file is not None:
        check_file(file, (".json",), overwrite=overwrite)
    if protocol is not None and not protocol.startswith("paper-"):
        given = {
            "--split": split != "test",
            "--level": level,
            "--stride": stride != 1,
            "--horizon": horizon,
            "--transfer": transfer,
            "--on": on,
        }
        _by_protocol(protocol, folder, data, settings, [name for name, it in given.items() if it], file)
        return
    with _notes() as notes:
        forecaster = _for_data(folder, data, settings, horizon, transfer=transfer)
        result = forecaster.evaluate(
            data,
            split=split,  # type: ignore[arg-type]
            level=_levels(level),
            intervals=intervals,
            paths=paths,
            batch_size=batch_size,
            stride=stride,
            protocol=protocol,
        )
        elsewhere = {}
        for name in [part.strip() for part in (on or "").split(",") if part.strip()]:
            made = latentcast.transfer(forecaster, name)
            elsewhere[name] = made.evaluate(name, split=split, batch_size=batch_size, stride=stride)  # type: ignore[arg-type]
    _say([*notes, *result.notes])
    found = result.to_dict()
    _metrics(found)
    if result.dropped is not None:
        _line(f"\n{result.dropped.words()}")
        out.print(show.metrics(found["paper-droplast"]))
    if result.intervals is not None:
        _line(f"\nintervals: {result.intervals.about}")
        out.print(show.intervals(found))
    for name, there in elsewhere.items():
        found.setdefault("on", {})[name] = there.to_dict()
    if elsewhere:
        _line("\nwithout training on it:")
        out.print(show.elsewhere(found["on"]))
    if file is not None:
        write_text(json.dumps(found, indent=2, allow_nan=False), file)
        _line(f"written to {file}")


def _by_protocol(
    protocol: str, model: Path, data: str, settings: dict[str, Any], others: list[str], file: Path | None
) -> None:
    import latentcast
    from latentcast.write import write_text

    if protocol != "m4":
        raise SettingsError(f"--protocol {protocol}: there are m4 and paper-droplast:B")
    if others:
        raise SettingsError(f"{', '.join(others)}: the protocol says what is judged; leave it out")
    with _notes() as notes:
        what = model if model.is_dir() else None if str(model) == "none" else str(model)
        result = latentcast.m4(what, data, settings=settings, progress=sys.stderr.isatty())
    _say([*notes, *result.notes])
    out.print(show.competition(result))
    if file is not None:
        write_text(json.dumps(result.to_dict(), indent=2, allow_nan=False), file)
        _line(f"written to {file}")


@app.command()
@takes_settings
def backtest(
    data: Data,
    models: Annotated[str, typer.Option("--models", help="Names, separated by commas.")],
    lookback: Lookback = None,
    horizon: Horizon = None,
    windows: Annotated[int, typer.Option("--windows", help="Origins to forecast from.")] = 1,
    step: Annotated[int | None, typer.Option("--step", help="Steps between origins (default: the horizon).")] = None,
    refit: Annotated[bool, typer.Option("--refit", help="Train again at each origin.")] = False,
    level: Level = None,
    intervals: Method = "auto",
    config: Config = None,
    seed: Seed = None,
    file: Annotated[Path | None, typer.Option("--out", help="CSV or Parquet file for the forecasts.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
    *,
    settings: dict[str, Any],
) -> None:
    """Compare models at the last origins, on data that none of them saw."""
    import latentcast
    from latentcast.config import merge, read_yaml
    from latentcast.write import check_file, write_frame

    if file is not None:
        check_file(file, (".csv", ".parquet"), overwrite=overwrite)
    if config is not None:
        settings = merge(read_yaml(config), settings)
    with _notes() as notes:
        result = latentcast.backtest(
            data,
            [name.strip() for name in models.split(",") if name.strip()],
            lookback=lookback,
            horizon=horizon,
            windows=windows,
            step=step,
            refit=refit,
            seed=seed,
            settings=settings,
            level=_levels(level),
            intervals=intervals,
        )
    _say(notes)
    apart = f"{result.windows} origins, {_count(result.step, 'step')} apart" if result.windows > 1 else "1 origin"
    _line(f"{Path(data).name}: {apart}, horizon {result.horizon}; original units, best MAE first")
    out.print(show.leaderboard(result))
    if result.intervals:
        _line("\nprediction intervals, original units")
        out.print(show.backtest_intervals(result))
        for name, found in result.intervals.items():
            _line(f"{name}: {found.about}")
    if file is not None:
        write_frame(result.forecasts, file)
        _line(f"forecasts in {file}")


@app.command()
def leaderboard(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="YAML: datasets, horizons, seeds, common, models.")],
    folder: Annotated[Path, typer.Option("--out", help="Folder for cells.jsonl, table.md, table.csv and page.html.")],
    workers: Annotated[
        int | None, typer.Option("--workers", help="Cells at a time (default: one per GPU, else per core).")
    ] = None,
    threads: Annotated[int | None, typer.Option("--threads", help="Threads of each (default 1 without a GPU).")] = None,
) -> None:
    """Compare models over datasets, horizons and seeds; what is finished in the folder is not run again."""
    import latentcast

    results = latentcast.leaderboard(config, out=folder, workers=workers, threads=threads, report=_report)
    _line(results.title())
    out.print(show.comparison(results))
    if results.average_ranks:
        _line(f"\n{results.ranks_title()}")
        out.print(show.average_ranks(results))
    if results.significance:
        _line(f"\n{results.significance.words()}")
    _line(f"\npage in {folder / 'page.html'}, tables in {folder / 'table.md'} and {folder / 'table.csv'}")
    _end_with_errors(results.errors)


@app.command()
@takes_settings
def ablate(
    data: Data,
    folder: Annotated[Path, typer.Option("--out", help="Folder for cells.jsonl, ablation.md and ablation.csv.")],
    model: Annotated[str, typer.Option("--model", "-m", help="A model with a language model in it.")] = "time-llm",
    switches: Annotated[str, typer.Option("--switches", help="What is switched: llm, or all: the extensions.")] = "llm",
    preset: Annotated[str | None, typer.Option("--preset", help="A preset of the model.")] = None,
    lookback: Lookback = None,
    horizon: Horizon = None,
    seeds: Annotated[str, typer.Option("--seeds", help="Separated by commas.")] = "0,1,2",
    config: Config = None,
    workers: Annotated[
        int | None, typer.Option("--workers", help="Cells at a time (default: one per GPU, else per core).")
    ] = None,
    threads: Annotated[int | None, typer.Option("--threads", help="Threads of each (default 1 without a GPU).")] = None,
    *,
    settings: dict[str, Any],
) -> None:
    """What are the parts worth? Train the model with, without and instead of them, with one budget.

    llm: its language model and prompt. all: each extension alone (representations, attention over channels, experts,
    prompt tokens, prototypes) and all together, over plain patches.
    """
    import latentcast

    result = latentcast.ablate(
        data,
        model,
        switches=switches,
        preset=preset,
        lookback=lookback,
        horizon=horizon,
        seeds=_whole_numbers("--seeds", seeds),
        settings=settings,
        config=config,
        out=folder,
        workers=workers,
        threads=threads,
        report=_report,
    )
    _line(result.results.title())
    out.print(show.ablation(result))
    for sentence in (*result.verdicts(), result.caveat()):
        _line(f"\n{sentence}")
    _line(f"\ntables in {folder / 'ablation.md'} and {folder / 'ablation.csv'}")
    _say([f"left out: {why}" for why in result.study.left_out])
    _end_with_errors(result.results.errors)


def _report(line: str) -> None:
    err.print(line, markup=False, soft_wrap=True, highlight=False)


def _end_with_errors(errors: Mapping[str, str]) -> None:
    if errors:
        _say([f"{cell} failed: {why}" for cell, why in errors.items()])
        _say(["the same command tries again what failed"])
        raise typer.Exit(1)


@app.command()
def models() -> None:
    """The models and their presets, and the parts that can be combined."""
    from latentcast.backbones import BACKBONES
    from latentcast.between import BETWEEN
    from latentcast.heads import HEADS
    from latentcast.presets import NAMED
    from latentcast.representations import REPRESENTATIONS

    rows = [(name, named.about, ", ".join(named.presets)) for name, named in NAMED.items()]
    out.print(show.grid(rows, "model", "what it is", "presets"))
    for parts in (REPRESENTATIONS, BETWEEN, BACKBONES, HEADS):
        known = [(name, entry.summary) for name, entry in parts.entries.items()]
        out.print(show.grid(known, parts.kind, f"what it is (model.{parts.kind}=…)"))


@app.command()
def datasets() -> None:
    """The named datasets, and where they would be read from."""
    from latentcast.data.catalog import DATASETS, FOLDER, local_path

    rows = []
    for name, dataset in DATASETS.items():
        here = sum(local_path(dataset, part) is not None for part in range(len(dataset.files)))
        found = "yes" if here == len(dataset.files) else "in part" if here else "no"
        rows.append((name, dataset.about, dataset.licence.split(" (")[0].removesuffix(" for the data"), found))
    out.print(show.grid(rows, "dataset", "what it is", "licence", "found"))
    folder = os.environ.get(FOLDER)
    where = f"found: in {FOLDER} = {folder}" if folder else f"found: {FOLDER} can name a folder to look in first"
    _line(f"{where}; the others are fetched when they are first used")


@app.command()
@takes_settings
def describe(
    data: Annotated[str, typer.Argument(metavar="DATA|DIR", help="Data, or a folder that fit or pretrain wrote.")],
    model: Annotated[str | None, typer.Option("--model", "-m", help="A model on DATA, yet untrained.")] = None,
    preset: Annotated[str | None, typer.Option("--preset", help="A preset of the model.")] = None,
    lookback: Lookback = None,
    horizon: Horizon = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="PNG, PDF or SVG file: the codebook of a model that has one.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
    *,
    settings: dict[str, Any],
) -> None:
    """Show how DATA is understood, or what a model is made of: every stage with its shape, weights and FLOPs."""
    import latentcast

    if plot is not None:
        from latentcast.write import check_file

        check_file(plot, (".png", ".pdf", ".svg"), overwrite=overwrite)
        if not Path(data).is_dir():
            raise SettingsError("--plot draws the codebook of a trained model: name its folder")
    with _notes() as notes:
        description = latentcast.describe(
            data, settings, model=model, preset=preset, lookback=lookback, horizon=horizon
        )
    out.print(show.grid(description.facts.items()))
    if description.architecture is not None:
        _line("\nOne window through it; what runs several times gives several shapes:")
        out.print(show.architecture(description.architecture))
    if plot is not None:
        from latentcast.plot.codebook import plot_codebook

        plot_codebook(latentcast.load(data), plot)
        _line(f"codebook drawn in {plot}")
    _say([*notes, *description.notes])


@app.command()
def heatmap(
    folder: Folder,
    data: Data,
    plot: Annotated[Path, typer.Option("--plot", help="PNG, PDF or SVG file to draw.")],
    series: Annotated[str | None, typer.Option("--series", help="Which series (default: the first).")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
) -> None:
    """Draw which words' prototypes the patches of the last window take from."""
    import latentcast
    from latentcast.plot.heat_map import plot_heat_map
    from latentcast.write import check_file

    check_file(plot, (".png", ".pdf", ".svg"), overwrite=overwrite)
    with _notes() as notes:
        result = latentcast.heat_map(folder, data, series=series)
        plot_heat_map(result, plot)
    _say(notes)
    rows = [(", ".join(result.words[i]), f"{result.weights[..., i].mean():.4f}") for i in result.top(8)]
    out.print(show.grid(rows, "nearest words", "mean attention"))
    _line(f"{result.series}: {result.weights.shape[1]} patches, {result.weights.shape[2]} prototypes, drawn in {plot}")


@app.command()
def explain(
    folder: Folder,
    data: Data,
    file: Annotated[Path, typer.Option("--out", help="HTML file to write; it needs no network.")],
    json_file: Annotated[Path | None, typer.Option("--json", help="JSON file of the same, for a program.")] = None,
    item: Annotated[
        str | None, typer.Option("--item", help="Which series: a channel of wide data, a unique_id of long data.")
    ] = None,
    level: Annotated[
        str, typer.Option("--level", help="Levels of the intervals in per cent; auto: 80,90 where they can be had.")
    ] = "auto",
    intervals: Method = "auto",
    future: Annotated[
        Path | None,
        typer.Option("--future", help="What is known in advance of the steps to be forecast (data.future)."),
    ] = None,
    attribution: Annotated[
        str, typer.Option("--attribution", help="Which past mattered: by occlusion (any model), gradient, or none.")
    ] = "occlusion",
    stretch: Annotated[int | None, typer.Option("--stretch", help="Occlusion: steps that are hidden together.")] = None,
    fill: Annotated[
        str, typer.Option("--fill", help="Occlusion: what stands there instead: line, season or mean.")
    ] = "line",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
) -> None:
    """Explain the forecast of one series beyond the end of DATA, as a page and as JSON."""
    import latentcast
    from latentcast.write import check_file

    for path, suffixes in ((file, (".html",)), (json_file, (".json",))):
        if path is not None:
            check_file(path, suffixes, overwrite=overwrite)
    with _notes() as notes:
        forecaster = latentcast.load(folder)
        levels = "auto" if level == "auto" else _levels(level)
        found = forecaster.explain(
            data,
            future=future,
            level=levels,
            intervals=intervals,
            item=item,
            attribution=attribution,
            stretch=stretch,
            fill=fill,
        )
        found.save(file)
        if json_file is not None:
            found.save(json_file)
    _say([*notes, *found.notes])
    out.print(show.grid([(name, str(len(found.of(name)))) for name in found.sections], "section", "figures"))
    _line(f"{found.about['series']}: explained in {file}" + ("" if json_file is None else f" and {json_file}"))


@app.command()
@takes_settings
def prompt(
    data: Data,
    model: Annotated[str, typer.Option("--model", "-m", help="A model with a language model in it.")] = "time-llm",
    preset: Annotated[str | None, typer.Option("--preset", help="A preset of the model.")] = None,
    lookback: Lookback = None,
    horizon: Horizon = None,
    config: Config = None,
    *,
    settings: dict[str, Any],
) -> None:
    """Print what the language model will be told of the last window of DATA, and how many tokens that makes."""
    import latentcast

    with _notes() as notes:
        shown = latentcast.prompts(
            data, model, preset=preset, lookback=lookback, horizon=horizon, settings=settings, config=config
        )
    for series, text in shown.texts.items():
        _line(f"{series}: {text}\n")
    _line(shown.summary())
    _say(notes)


@app.command()
@takes_settings
def floor(
    data: Data,
    model: Annotated[str | None, typer.Option("--model", "-m", help="A model that can reconstruct.")] = None,
    start: Annotated[Path | None, typer.Option("--from", metavar="DIR", help="The model and settings in it.")] = None,
    lookback: Lookback = None,
    presets: Annotated[str, typer.Option("--presets", help="Presets, separated by commas: light,medium,heavy")] = "",
    ratios: Annotated[str, typer.Option("--ratios", help="Total compressions (default 2,4,8,16,32).")] = "",
    latent_dims: Annotated[str, typer.Option("--latent-dims", help="Widths of a latent, each with every ratio.")] = "",
    steps: Annotated[int, typer.Option("--steps", min=1, help="Training steps of each.")] = 300,
    config: Config = None,
    seed: Seed = None,
    file: Annotated[Path | None, typer.Option("--out", help="CSV or Parquet file for the table.")] = None,
    plot: Annotated[Path | None, typer.Option("--plot", help="PNG, PDF or SVG file to draw.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
    *,
    settings: dict[str, Any],
) -> None:
    """Error against compression: what a model's encode → decode alone keeps of DATA, to choose a ratio by."""
    import latentcast
    from latentcast.write import check_file, write_frame

    for path, suffixes in ((file, (".csv", ".parquet")), (plot, (".png", ".pdf", ".svg"))):
        if path is not None:
            check_file(path, suffixes, overwrite=overwrite)
    with _notes() as notes:
        result = latentcast.floor(
            data,
            model,
            start=start,
            lookback=lookback,
            presets=[name.strip() for name in presets.split(",") if name.strip()],
            ratios=_whole_numbers("--ratios", ratios),
            latent_dims=_whole_numbers("--latent-dims", latent_dims),
            max_steps=steps,
            seed=seed,
            settings=settings,
            config=config,
        )
    _say([*notes, *result.notes])
    _line(result.title())
    out.print(show.floor(result))
    if file is not None:
        write_frame(result.frame(), file)
        _line(f"table in {file}")
    if plot is not None:
        from latentcast.plot.floor import plot_floor

        plot_floor(result, plot)
        _line(f"drawn in {plot}")


def _whole_numbers(option: str, text: str) -> list[int]:
    try:
        return [int(number) for number in text.split(",") if number.strip()]
    except ValueError:
        raise SettingsError(f"{option} {text}: wanted whole numbers, separated by commas") from None


@app.command()
def demo(
    folder: Annotated[Path, typer.Option("--out", help="Folder for forecast.csv and the plot.")] = Path("demo"),
) -> None:
    """The main job on real data: weekly CO2 at Mauna Loa, with its gaps."""
    from latentcast.demo import run_demo

    with _notes():  # the demo says them itself
        run_demo(folder, out)


def _line(text: str) -> None:
    out.print(text, markup=False, soft_wrap=True, highlight=False)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _metrics(evaluation: dict[str, Any]) -> None:
    _line(show.metrics_title(evaluation))
    out.print(show.metrics(evaluation))


@contextmanager
def _notes() -> Iterator[list[str]]:
    """What the library says while it works, to be printed once, after."""
    said: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage() not in said:
                said.append(record.getMessage())

    logger, handler = logging.getLogger("latentcast"), Collect()
    logger.addHandler(handler)
    try:
        yield said
    finally:
        logger.removeHandler(handler)


def _say(notes: list[str]) -> None:
    for note in dict.fromkeys(notes):
        err.print(f"[yellow]note:[/] {escape(note)}", soft_wrap=True, highlight=False)


def main() -> None:
    """Run the command line; errors of the library are one message and exit code 1, without a traceback.

    Training that was interrupted ends with 130, as the shell counts Ctrl-C.
    """
    try:
        app()
    except (LatentcastError, OSError) as error:
        err.print("[bold red]error:[/] ", end="")
        err.print(f"{error}{_how_to_state(error)}", markup=False, soft_wrap=True, highlight=False)
        sys.exit(130 if isinstance(error, Interrupted) else 1)


def _how_to_state(error: Exception) -> str:
    """The library speaks of data.gaps; on a command line that is --gaps, or --set data.steps=…, where it is taken."""
    takes = {"fit", "pretrain", "backtest", "describe", "floor", "ablate"}
    if "--transfer" in sys.argv:
        takes |= {"predict", "evaluate"}
    if not takes & set(sys.argv[1:2]) or isinstance(error, SettingsError):
        return ""
    from latentcast.data.settings import DataSettings

    known = "|".join(DataSettings.model_fields)
    named = re.search(rf"(?P<inside>\()?\bdata\.(?P<key>{known})\b(?:=(?P<rest>.+))?", str(error))
    if named is None:
        return ""
    key, rest = named["key"], named["rest"]
    names = named["inside"] and key in ("ignore", "columns")  # names of columns hold blanks and more
    value = rest and (_to_closing(rest) if names else re.split(r"[\s;)]", rest)[0].rstrip(",.:"))
    if key in OF_DATA or (key == "fraction" and sys.argv[1] in ("fit", "pretrain")):
        return f"\n(as an option: --{key} {shlex.quote(value) if value else '…'})"
    return f"\n(as an option: --set {shlex.quote(f'data.{key}={value}') if value else f'data.{key}=…'})"


def _to_closing(text: str) -> str:
    """Up to the parenthesis that closes one opened before the text."""
    depth = 0
    for at, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth < 0:
            return text[:at]
    return text


__all__ = ["app", "main"]
