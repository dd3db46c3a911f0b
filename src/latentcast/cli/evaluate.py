"""Commands that judge: evaluate, calibrate, backtest, benchmark, ablate."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from latentcast.cli import tables
from latentcast.cli.app import app
from latentcast.cli.options import (
    Address,
    Config,
    Cpus,
    Data,
    Engine,
    Folder,
    Gpus,
    Horizon,
    Level,
    Lookback,
    Method,
    Paths,
    Retries,
    Seed,
    Stride,
    Transfer,
    Workers,
    levels_in,
    on_cluster,
    refuse_unread,
    takes_settings,
    takes_threads,
    whole_numbers_in,
)
from latentcast.cli.output import (
    counted,
    end_with_errors,
    out,
    print_hint,
    print_line,
    print_metrics,
    print_notes,
    report_line,
)
from latentcast.cli.parts import evaluate_parts, holds_parquet
from latentcast.cli.predict import for_data
from latentcast.core.errors import SettingsError
from latentcast.core.log_capture import capture_log_messages

if TYPE_CHECKING:
    from latentcast.evaluation.metrics import Evaluation


@app.command()
@takes_threads
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
            " also prints the figures of a script that drops its last incomplete batch of B test windows.",
        ),
    ] = None,
    split: Annotated[str, typer.Option("--part", help="train, val, test or all.")] = "test",
    level: Level = None,
    intervals: Method = "auto",
    paths: Paths = 100,
    file: Annotated[Path | None, typer.Option("--json", help="JSON file to write.")] = None,
    rows: Annotated[
        Path | None,
        typer.Option("--out", help="CSV or Parquet file for the forecasts; a folder: part by part, from Parquet DATA."),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option("--batch-size", min=1, help="Windows forecast together; does not change the result.")
    ] = None,
    stride: Stride = 1,
    on: Annotated[
        str | None, typer.Option("--on", help="Other DATA, separated by commas: judged too, without training.")
    ] = None,
    horizon: Horizon = None,
    transfer: Transfer = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the JSON file.")] = False,
    engine: Engine = None,
    workers: Workers = None,
    address: Address = None,
    *,
    settings: dict[str, Any],
) -> None:
    """Judge every window of one part once, in scaled and original units."""
    from latentcast.reporting.files import check_file, write_frame, write_text
    from latentcast.workflows.transfer import transfer as run_transfer

    folders = holds_parquet(data) or (rows is not None and not rows.suffix)
    by_parts = bool(engine or workers or address or folders)
    for path, suffixes in ((file, (".json",)), (None if by_parts else rows, (".csv", ".parquet"))):
        if path is not None:
            check_file(path, suffixes, overwrite=overwrite)
    if by_parts:
        unread = {"--protocol": protocol, "--on": on, "--horizon": horizon, "--transfer": transfer, "--set": settings}
        refuse_unread("is not judged part by part; leave it out", unread.items())
        result = evaluate_parts(
            folder, data, rows, (engine, workers, address), overwrite=overwrite, part=split, level=levels_in(level),
            interval_method=intervals, paths=paths, batch_size=batch_size, stride=stride,
        )  # fmt: skip
        _print_evaluation(result)
        if file is not None:
            write_text(json.dumps(result.to_dict(), indent=2, allow_nan=False), file)
            print_line(f"written to {file}")
        return
    if protocol is not None and not protocol.startswith("paper-"):
        given = {
            "--part": split != "test",
            "--level": level,
            "--interval-method": intervals != "auto",
            "--paths": paths != 100,
            "--batch-size": batch_size,
            "--stride": stride != 1,
            "--horizon": horizon,
            "--transfer": transfer,
            "--on": on,
            "--out": rows,
        }
        _by_protocol(protocol, folder, data, settings, [name for name, it in given.items() if it], file)
        return
    with capture_log_messages() as notes:
        forecaster = for_data(folder, data, settings, horizon, transfer=transfer)
        result = forecaster.evaluate(
            data,
            part=split,  # type: ignore[arg-type]
            level=levels_in(level),
            interval_method=intervals,
            paths=paths,
            batch_size=batch_size,
            stride=stride,
            protocol=protocol,
            forecasts=rows is not None,
        )
        elsewhere = {}
        for name in [part.strip() for part in (on or "").split(",") if part.strip()]:
            made = run_transfer(forecaster, name)
            elsewhere[name] = made.evaluate(name, part=split, batch_size=batch_size, stride=stride)  # type: ignore[arg-type]
    print_notes([*notes, *result.notes])
    found = _print_evaluation(result)
    for name, there in elsewhere.items():
        found.setdefault("on", {})[name] = there.to_dict()
    if elsewhere:
        beside = [name for name, it in (("--level", level), ("--protocol", protocol)) if it]
        if beside:
            print_notes([f"{' and '.join(beside)}: of {data} alone, not of what stands in --on"])
        print_line("\nwithout training on it:")
        out.print(tables.elsewhere(found["on"]))
    if rows is not None:
        write_frame(result.forecasts, rows)
        print_line(f"{counted(len(result.forecasts), 'row')} in {rows}")
    if file is not None:
        write_text(json.dumps(found, indent=2, allow_nan=False), file)
        print_line(f"written to {file}")


def _print_evaluation(result: "Evaluation") -> dict[str, Any]:
    """The figures, also as plain values."""
    found = result.to_dict()
    print_metrics(found)
    if result.dropped is not None:
        print_line(f"\n{result.dropped.words()}")
        out.print(tables.metrics(found["paper-droplast"]))
    if result.intervals is not None:
        print_line(f"\nintervals: {result.intervals.about}")
        out.print(tables.intervals(found))
    return found


def _by_protocol(
    protocol: str, model: Path, data: str, settings: dict[str, Any], others: list[str], file: Path | None
) -> None:
    from latentcast.benchmarking.m4 import evaluate_m4
    from latentcast.reporting.files import write_text

    if protocol != "m4":
        raise SettingsError(f"--protocol {protocol}: there are m4 and paper-droplast:B")
    if others:
        raise SettingsError(f"{', '.join(others)}: the protocol says what is judged; leave it out")
    if model.name != str(model) and not model.is_dir():
        raise SettingsError(f"{model}: no such folder; wanted one that fit wrote, or a model's name")
    with capture_log_messages() as notes:
        what = model if model.is_dir() else None if str(model) == "none" else str(model)
        result = evaluate_m4(what, data, settings=settings, progress=sys.stderr.isatty())
    print_notes([*notes, *result.notes])
    out.print(tables.competition(result))
    if file is not None:
        write_text(json.dumps(result.to_dict(), indent=2, allow_nan=False), file)
        print_line(f"written to {file}")


@app.command()
@takes_threads
def calibrate(
    folder: Folder,
    data: Data,
    split: Annotated[str, typer.Option("--part", help="The part that is read: val or test.")] = "val",
    base: Annotated[
        str,
        typer.Option("--base", help="Base that is widened: point, quantiles, paths; auto: quantiles where learned."),
    ] = "auto",
    paths: Paths = 100,
    stride: Stride = 1,
) -> None:
    """Calibrate prediction intervals on held-out windows of DATA, and save the scores in the folder.

    fit uses the validation part. Use --part test when the test part no longer judges anything.
    """
    from latentcast.forecaster.save import write
    from latentcast.workflows.load import load_folder

    with capture_log_messages() as notes:
        forecaster = load_folder(folder)
        result = forecaster.calibrate(data, part=split, base=base, paths=paths, stride=stride)  # type: ignore[arg-type]
        write(forecaster, folder)
    print_notes([*notes, *result.notes])
    if forecaster.calibration is None:
        print_notes(
            [f"no step ahead was observed in all of the {split} part: the folder has no calibrated intervals now"]
        )
    else:
        print_line(f"intervals: conformal {forecaster.calibration.words()}; kept in {folder}")


@app.command()
@takes_threads
@takes_settings
def backtest(
    data: Data,
    models: Annotated[str, typer.Option("--models", help="Names, separated by commas; auto chooses one.")],
    lookback: Lookback = None,
    horizon: Horizon = None,
    windows: Annotated[int, typer.Option("--n-windows", help="Origins to forecast from.")] = 1,
    step: Annotated[
        int | None, typer.Option("--step-size", help="Steps between origins (default: the horizon).")
    ] = None,
    refit: Annotated[bool, typer.Option("--refit", help="Train again at each origin.")] = False,
    level: Level = None,
    intervals: Method = "auto",
    config: Config = None,
    seed: Seed = None,
    file: Annotated[Path | None, typer.Option("--out", help="CSV or Parquet file for the forecasts.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
    workers: Workers = None,
    engine: Engine = None,
    address: Address = None,
    cpus: Cpus = 1,
    gpus: Gpus = 0,
    retries: Retries = 3,
    *,
    settings: dict[str, Any],
) -> None:
    """Compare models at the last origins, on data that none of them saw."""
    from latentcast.benchmarking.backtest import backtest as run_backtest
    from latentcast.core.nested import merge
    from latentcast.core.parsing import read_yaml
    from latentcast.reporting.files import check_file, write_frame

    if file is not None:
        check_file(file, (".csv", ".parquet"), overwrite=overwrite)
    if config is not None:
        settings = merge(read_yaml(config), settings)
    with capture_log_messages() as notes:
        result = run_backtest(
            data,
            [name.strip() for name in models.split(",") if name.strip()],
            lookback=lookback,
            horizon=horizon,
            n_windows=windows,
            step_size=step,
            refit=refit,
            seed=seed,
            settings=settings,
            level=levels_in(level),
            interval_method=intervals,
            workers=workers or 1,
            **on_cluster(engine, address, cpus, gpus, retries),
        )
    print_notes(notes)
    apart = (
        f"{result.n_windows} origins, {counted(result.step_size, 'step')} apart" if result.n_windows > 1 else "1 origin"
    )
    print_line(f"{Path(data).name}: {apart}, horizon {result.horizon}; original units, best MAE first")
    out.print(tables.leaderboard(result))
    best = result.leaderboard.iloc[0]
    print_hint(best["model"], best["MASE"], None if result.baseline is None else result.baseline.to_dict())
    if result.intervals:
        print_line("\nprediction intervals, original units")
        out.print(tables.backtest_intervals(result))
        for name, found in result.intervals.items():
            print_line(f"{name}: {found.about}")
    if file is not None:
        write_frame(result.forecasts, file)
        print_line(f"forecasts in {file}")


@app.command()
def benchmark(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="YAML: datasets, horizons, seeds, common, models.")],
    folder: Annotated[Path, typer.Option("--out", help="Folder for cells.jsonl, table.md, table.csv and page.html.")],
    workers: Annotated[
        int | None, typer.Option("--workers", help="Cells at a time (default: one per GPU, else per core).")
    ] = None,
    threads: Annotated[int | None, typer.Option("--threads", help="Threads of each (default 1 without a GPU).")] = None,
    render: Annotated[
        bool, typer.Option("--render", help="Run nothing: write tables and page of the finished cells.")
    ] = False,
    engine: Engine = None,
    address: Address = None,
    cpus: Cpus = 1,
    gpus: Gpus = 0,
    retries: Retries = 3,
) -> None:
    """Compare models over datasets, horizons and seeds; finished cells in the folder are not run again."""
    from latentcast.benchmarking.leaderboard import benchmark as run_benchmark

    results = run_benchmark(
        config, out=folder, workers=workers, threads=threads, render=render, report=report_line,
        **on_cluster(engine, address, cpus, gpus, retries),
    )  # fmt: skip
    print_line(results.title())
    out.print(tables.comparison(results))
    if results.average_ranks:
        print_line(f"\n{results.ranks_title()}")
        out.print(tables.average_ranks(results))
    if results.significance:
        print_line(f"\n{results.significance.words()}")
    print_line(f"\npage in {folder / 'page.html'}, tables in {folder / 'table.md'} and {folder / 'table.csv'}")
    end_with_errors(results.errors)


@app.command()
@takes_settings
def ablate(
    data: Data,
    folder: Annotated[Path, typer.Option("--out", help="Folder for cells.jsonl, ablation.md and ablation.csv.")],
    model: Annotated[str, typer.Option("--model", "-m", help="A model that has the parts.")] = "time-llm",
    switches: Annotated[str, typer.Option("--switches", help="llm, all (extensions) or linear.")] = "llm",
    preset: Annotated[str | None, typer.Option("--preset", help="A preset of the model.")] = None,
    lookback: Lookback = None,
    horizon: Horizon = None,
    seeds: Annotated[str, typer.Option("--seeds", help="Separated by commas.")] = "0,1,2",
    config: Config = None,
    workers: Annotated[
        int | None, typer.Option("--workers", help="Cells at a time (default: one per GPU, else per core).")
    ] = None,
    threads: Annotated[int | None, typer.Option("--threads", help="Threads of each (default 1 without a GPU).")] = None,
    engine: Engine = None,
    address: Address = None,
    cpus: Cpus = 1,
    gpus: Gpus = 0,
    retries: Retries = 3,
    *,
    settings: dict[str, Any],
) -> None:
    """Measure what parts are worth: train the model with, without and instead of them, with one budget.

    llm: its language model and prompt. all: each extension alone (representations, attention over channels, experts,
    prompt tokens, prototypes) and all together, over plain patches. linear: each part of linear models alone, over
    dlinear or a model of patches.
    """
    from latentcast.benchmarking.ablation import ablate as run_ablate

    result = run_ablate(
        data,
        model,
        switches=switches,
        preset=preset,
        lookback=lookback,
        horizon=horizon,
        seeds=whole_numbers_in("--seeds", seeds),
        settings=settings,
        config=config,
        out=folder,
        workers=workers,
        threads=threads,
        report=report_line,
        **on_cluster(engine, address, cpus, gpus, retries),
    )
    print_line(result.results.title())
    out.print(tables.ablation(result))
    for sentence in (*result.verdicts(), result.caveat()):
        print_line(f"\n{sentence}")
    print_line(f"\ntables in {folder / 'ablation.md'} and {folder / 'ablation.csv'}")
    print_notes([f"left out: {why}" for why in result.study.left_out])
    end_with_errors(result.results.errors)
