"""Commands around the pretrained generalist: zero-shot, simulate."""

from pathlib import Path
from typing import Annotated, Any

import typer

from latentcast.cli.app import app
from latentcast.cli.options import Data, Horizon, Level, Overwrite, Seed, levels_in, takes_settings
from latentcast.cli.output import counted, out, print_line, print_notes
from latentcast.core.log_capture import capture_log_messages


@app.command("zero-shot")
@takes_settings
def zero_shot(
    data: Data,
    file: Annotated[Path | None, typer.Option("--out", help="CSV or Parquet file to write; printed without.")] = None,
    horizon: Horizon = None,
    level: Level = None,
    season: Annotated[int | None, typer.Option("--main-season", min=1, help="Main season in steps.")] = None,
    seasons: Annotated[str, typer.Option("--seasons", help="auto, given, weighed or detected.")] = "auto",
    nonnegative: Annotated[bool, typer.Option("--nonnegative", help="Cut forecasts at zero.")] = False,
    integer: Annotated[bool, typer.Option("--integer", help="Round forecasts to whole numbers.")] = False,
    weights: Annotated[str, typer.Option("--weights", help="Shipped weights by name, or a folder.")] = "small",
    overwrite: Overwrite = False,
    *,
    settings: dict[str, Any],
) -> None:
    """Forecast DATA by the pretrained generalist, without fitting anything."""
    from latentcast.reporting.files import check_file, write_frame
    from latentcast.workflows.zero_shot import zero_shot as run_zero_shot

    if file is not None:
        check_file(file, (".csv", ".parquet"), overwrite=overwrite)
    with capture_log_messages() as notes:
        found = run_zero_shot(
            data, horizon, level=levels_in(level), season=season, seasons=seasons,  # type: ignore[arg-type]
            nonnegative=nonnegative, integer=integer, weights=weights, settings=settings,
        )  # fmt: skip
    print_notes(notes)
    if file is None:
        out.print(found.to_csv(index=False), markup=False, highlight=False, soft_wrap=True, end="")
        return
    write_frame(found, file)
    print_line(f"{counted(len(found), 'row')} in {file} ({found['ds'].min()} .. {found['ds'].max()})")


@app.command()
def simulate(
    file: Annotated[Path, typer.Option("--out", help="CSV or Parquet file to write.")],
    series: Annotated[int, typer.Option("--series", min=1, help="Number of series.")] = 20,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Steps of each.")] = 300,
    recipe: Annotated[
        str | None, typer.Option("--recipe", help="Recipe of all series; by default drawn for each.")
    ] = None,
    season: Annotated[int | None, typer.Option("--main-season", min=1, help="Of all series, in steps.")] = None,
    plot: Annotated[Path | None, typer.Option("--plot", help="PNG, PDF or SVG file: a gallery of all recipes.")] = None,
    seed: Seed = None,
    overwrite: Overwrite = False,
) -> None:
    """Write simulated series of the kind that the generalist learned from."""
    from latentcast.data.simulation.table import simulate_table
    from latentcast.reporting.files import check_file, write_frame

    check_file(file, (".csv", ".parquet"), overwrite=overwrite)
    if plot is not None:
        check_file(plot, (".png", ".pdf", ".svg"), overwrite=overwrite)
    frame = simulate_table(series, steps, seed=seed or 0, recipe=recipe, season=season)
    write_frame(frame, file)
    print_line(f"{series} series of {counted(steps, 'step')} in {file}")
    if plot is not None:
        from latentcast.workflows.pretraining.gallery import plot_recipes

        plot_recipes(plot, seed=seed or 0)
        print_line(f"drawn in {plot}")
