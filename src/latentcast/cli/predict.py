"""Commands that use what was trained: predict, explain, impute, anomaly-scores."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from latentcast.cli import tables
from latentcast.cli.app import app
from latentcast.cli.options import (
    Address,
    Data,
    Engine,
    Folder,
    Horizon,
    Level,
    Method,
    Overwrite,
    Paths,
    Transfer,
    Workers,
    levels_in,
    numbers_in,
    refuse_unread,
    takes_settings,
    takes_threads,
)
from latentcast.cli.output import counted, out, print_line, print_notes
from latentcast.cli.parts import impute_parts, refuse_without_folder, score_parts
from latentcast.core.errors import SettingsError
from latentcast.core.log_capture import capture_log_messages
from latentcast.forecaster.export.address import is_exported

if TYPE_CHECKING:
    from latentcast.forecaster.forecaster import Forecaster


@app.command()
@takes_threads
@takes_settings
def predict(
    folder: Folder,
    data: Data,
    file: Annotated[
        Path, typer.Option("--out", help="CSV or Parquet file to write; a folder: part by part, from Parquet DATA.")
    ],
    plot: Annotated[Path | None, typer.Option("--plot", help="PNG, PDF or SVG file to draw.")] = None,
    future: Annotated[
        Path | None,
        typer.Option("--future-covariates", help="Covariates of the steps to forecast (data.future)."),
    ] = None,
    horizon: Horizon = None,
    level: Level = None,
    quantiles: Annotated[
        str | None, typer.Option("--quantiles", help="Quantiles between 0 and 1, separated by commas: 0.1,0.5,0.9")
    ] = None,
    intervals: Method = "auto",
    paths: Paths = 100,
    samples: Annotated[
        Path | None, typer.Option("--samples", help="CSV or Parquet file for --paths sampled futures.")
    ] = None,
    transfer: Transfer = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
    engine: Engine = None,
    workers: Workers = None,
    address: Address = None,
    *,
    settings: dict[str, Any],
) -> None:
    """Forecast beyond the end of DATA, dated, in original units."""
    from latentcast.reporting.files import check_file, write_frame

    asked = None if quantiles is None else numbers_in("--quantiles", quantiles, "numbers between 0 and 1")
    if not file.suffix:
        unread: dict[str, object] = {"--plot": plot, "--samples": samples, "--transfer": transfer, "--set": settings}
        refuse_unread("reads and writes one table; name a file with --out", unread.items())
        from latentcast.distributed.predict import predict as run_in_parts

        with capture_log_messages() as notes:
            found = run_in_parts(
                folder, data, file, engine=engine or "local",  # type: ignore[arg-type]
                 workers=workers or 1, address=address, horizon=horizon,
                future_covariates=future, level=levels_in(level), quantiles=asked, interval_method=intervals,
                paths=paths, overwrite=overwrite,
            )  # fmt: skip
        print_notes(notes)
        print_line(f"{counted(found.rows, 'row')} of {found.series} series in {file}")
        return
    refuse_without_folder(engine, workers, address)
    tables_of = (".csv", ".parquet")
    for path, suffixes in ((file, tables_of), (samples, tables_of), (plot, (".png", ".pdf", ".svg"))):
        if path is not None:
            check_file(path, suffixes, overwrite=overwrite)
    with capture_log_messages() as notes:
        from latentcast.core.threads import bring_torch
        from latentcast.forecaster.ahead import Asked, forecast_ahead

        forecaster: Any
        if is_exported(folder):
            unread = {"--samples": samples, "--plot": plot, "--transfer": transfer, "--set": settings}
            refuse_unread("not of an exported file; name the folder of the fit", unread.items())
            from latentcast.forecaster.export.exported import load_exported

            forecaster = load_exported(folder)
        elif settings or transfer or samples is not None or plot is not None:
            bring_torch()
            forecaster = for_data(folder, data, settings, None, transfer=transfer, held_out=False)
        else:
            from latentcast.forecaster.predictor import predictor

            forecaster = predictor(folder)
        levels = levels_in(level)
        drawn = paths if samples is None or intervals == "paths" else 100
        forecast: Any = forecast_ahead(forecaster, data, future, Asked(horizon, levels, asked, intervals, drawn, None))
        write_frame(forecast, file)
        if samples is not None:
            write_frame(forecaster.sample(data, paths=paths, future_covariates=future), samples)
        if plot is not None:
            from latentcast.workflows.plots.forecast import plot_forecast

            plot_forecast(forecaster, data, forecast, plot)
    print_notes(notes)
    print_line(f"{counted(len(forecast), 'row')} in {file} ({forecast['ds'].min()} .. {forecast['ds'].max()})")
    if levels is not None:
        from latentcast.forecaster.judge import choose_intervals

        how = choose_intervals(forecaster, levels, intervals, drawn)
        print_line(f"intervals: {how.words() if how else ''}")
    if samples is not None:
        print_line(f"{counted(paths, 'path')} of each series in {samples}")
    if plot is not None:
        print_line(f"drawn in {plot}")


@app.command()
@takes_threads
@takes_settings
def explain(
    folder: Folder,
    data: Data,
    file: Annotated[Path, typer.Option("--out", help="HTML file to write; it needs no network.")],
    json_file: Annotated[Path | None, typer.Option("--json", help="JSON file of the same, for a program.")] = None,
    item: Annotated[
        str | None, typer.Option("--item", help="Which series: a channel of wide data, a unique_id of long data.")
    ] = None,
    level: Annotated[
        str, typer.Option("--level", help="Levels of the intervals in per cent; auto: 80,90 where available.")
    ] = "auto",
    intervals: Method = "auto",
    future: Annotated[
        Path | None,
        typer.Option("--future-covariates", help="Covariates of the steps to forecast (data.future)."),
    ] = None,
    attribution: Annotated[
        str, typer.Option("--attribution", help="Which past mattered: by occlusion (any model), gradient, or none.")
    ] = "occlusion",
    stretch: Annotated[int | None, typer.Option("--stretch", help="Occlusion: steps that are hidden together.")] = None,
    fill: Annotated[
        str, typer.Option("--fill", help="Occlusion: what replaces hidden steps: line, season or mean.")
    ] = "line",
    transfer: Transfer = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
    *,
    settings: dict[str, Any],
) -> None:
    """Explain the forecast of one series beyond the end of DATA, as a page and as JSON."""
    from latentcast.reporting.files import check_file

    for path, suffixes in ((file, (".html",)), (json_file, (".json",))):
        if path is not None:
            check_file(path, suffixes, overwrite=overwrite)
    with capture_log_messages() as notes:
        forecaster = for_data(folder, data, settings, None, transfer=transfer, held_out=False)
        levels: Any = "auto" if level == "auto" else levels_in(level)
        found = forecaster.explain(
            data,
            future_covariates=future,
            level=levels,
            interval_method=intervals,
            item=item,
            attribution=attribution,
            stretch=stretch,
            fill=fill,
        )
        found.save(file)
        if json_file is not None:
            found.save(json_file)
    print_notes([*notes, *found.notes])
    out.print(tables.grid([(name, str(len(found.of(name)))) for name in found.sections], "section", "figures"))
    print_line(f"{found.about['series']}: explained in {file}" + ("" if json_file is None else f" and {json_file}"))


@app.command()
@takes_threads
def impute(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that pretrain wrote.")],
    data: Data,
    file: Annotated[
        Path | None,
        typer.Option("--out", help="CSV or Parquet file to write; a folder: part by part, from Parquet DATA."),
    ] = None,
    judge: Annotated[
        str | None, typer.Option("--judge", help="Shares of the test part to hide and fill: 0.125,0.25,0.375,0.5")
    ] = None,
    block: Annotated[int, typer.Option("--block", min=1, help="Steps that --judge hides together.")] = 1,
    tail: Annotated[bool, typer.Option("--tail", help="--judge hides the end of each window.")] = False,
    beside: Annotated[
        str | None, typer.Option("--beside", help="Other folders, separated by commas, judged on the same values.")
    ] = None,
    overwrite: Overwrite = False,
    engine: Engine = None,
    workers: Workers = None,
    address: Address = None,
) -> None:
    """Fill the gaps of DATA; --judge measures the error on hidden values."""
    from latentcast.reporting.files import check_file, write_frame
    from latentcast.workflows.imputation import evaluate_imputation
    from latentcast.workflows.imputation import impute as run_impute
    from latentcast.workflows.load import load_folder

    if file is None and judge is None:
        raise SettingsError("impute fills gaps into a file (--out FILE), or judges itself (--judge 0.25), or both")
    masks = [] if judge is None else numbers_in("--judge", judge, "shares above 0 and below 1")
    if (beside or tail or block > 1) and not masks:
        raise SettingsError("--beside, --block and --tail say how --judge judges: set it too, as --judge 0.25")
    if file is not None and not file.suffix:
        refuse_unread("fills gaps part by part into a folder; judge apart", [("--judge", judge)])
        impute_parts(folder, data, file, (engine, workers, address), overwrite=overwrite)
        return
    refuse_without_folder(engine, workers, address)
    if file is not None:
        check_file(file, (".csv", ".parquet"), overwrite=overwrite)
    with capture_log_messages() as notes:
        forecaster = load_folder(folder)
        result = None if file is None else run_impute(forecaster, data)
        others = [name.strip() for name in (beside or "").split(",") if name.strip()]
        members = {str(folder): forecaster, **{name: load_folder(name) for name in others}}
        judged = {
            name: evaluate_imputation(member, data, masks=masks, block=block, tail=tail)
            for name, member in members.items()
            if masks
        }
    print_notes(list(result.notes) if result is not None else notes)
    if result is not None and file is not None:
        write_frame(result.frame, file)
        print_line(f"{counted(result.filled, 'value')} of {result.values} filled, in {file}")
    for name, rows in judged.items():
        how = "at their end" if tail else f"in stretches of {block} steps" if block > 1 else "one by one"
        title = f"{rows[0].windows} windows of the test part, values hidden {how} and filled; scaled units"
        print_line(f"{name}: {title}" if len(judged) > 1 else title)
        out.print(tables.imputation(rows))


@app.command()
@takes_threads
def anomaly_scores(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A vq-codec or a token-transformer.")],
    data: Data,
    file: Annotated[
        Path, typer.Option("--out", help="CSV or Parquet file to write; a folder: part by part, from Parquet DATA.")
    ],
    top: Annotated[int, typer.Option("--top", min=0, help="Most unusual steps to print.")] = 5,
    overwrite: Overwrite = False,
    engine: Engine = None,
    workers: Workers = None,
    address: Address = None,
) -> None:
    """Score how unusual each step of DATA is: reconstruction error and surprise of its code."""
    from latentcast.reporting.files import check_file, write_frame
    from latentcast.workflows.anomaly import anomaly_scores as run_anomaly_scores

    if not file.suffix:
        score_parts(folder, data, file, (engine, workers, address), overwrite=overwrite)
        return
    refuse_without_folder(engine, workers, address)
    check_file(file, (".csv", ".parquet"), overwrite=overwrite)
    with capture_log_messages() as notes:
        result = run_anomaly_scores(folder, data)
    print_notes([*notes, *result.notes])
    write_frame(result.frame, file)
    print_line(f"{counted(len(result.frame), 'step')} judged, in {file}")
    if top:
        strangest = result.frame.nlargest(top, "score")
        rows = [
            (row.unique_id, str(row.ds), f"{row.y:.4g}", *(f"{value:.3g}" for value in row[3:]))
            for row in strangest.itertuples(index=False, name="Row")
        ]
        out.print(tables.grid(rows, "series", "step", "value", *strangest.columns[3:]))


def for_data(
    folder: Path,
    data: str,
    settings: dict[str, Any],
    horizon: int | None,
    *,
    transfer: bool,
    held_out: bool = True,
) -> "Forecaster":
    """The saved forecaster, its model changed as stated; with --transfer made ready for other data."""
    from latentcast.core.nested import leaves
    from latentcast.workflows.load import load_folder
    from latentcast.workflows.transfer import transfer as run_transfer

    of_model = {key: value for key, value in settings.items() if key == "model"}
    rest = {key: value for key, value in settings.items() if key != "model"}
    forecaster = load_folder(folder, settings=of_model, horizon=horizon)
    if transfer:
        return run_transfer(forecaster, data, rest, held_out=held_out)
    if stated := [path for path, _ in leaves(rest)]:
        raise SettingsError(
            f"{', '.join(stated)}: the settings of the data are those of the fit; others go with --transfer, which"
            " reads DATA by their own rules"
        )
    return forecaster
