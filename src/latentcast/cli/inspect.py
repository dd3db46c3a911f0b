"""Commands that show what there is: models, datasets, data, networks, prompts, and the demo."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from latentcast.cli import tables
from latentcast.cli.app import app
from latentcast.cli.options import Config, Data, Folder, Horizon, Lookback, Seed, takes_settings, whole_numbers_in
from latentcast.cli.output import out, print_line, print_notes
from latentcast.core.errors import SettingsError
from latentcast.core.log_capture import capture_log_messages


@app.command()
def models() -> None:
    """List models, presets, licences of pretrained weights, and parts that can be combined."""
    from latentcast.models.backbones import BACKBONES
    from latentcast.models.config.presets import MODEL_PRESETS
    from latentcast.models.foundation.licences import NOT_LOADED, WEIGHTS
    from latentcast.models.heads import HEADS
    from latentcast.models.mixers import MIXERS
    from latentcast.models.representations import REPRESENTATIONS

    rows = [(name, named.about, ", ".join(named.presets)) for name, named in MODEL_PRESETS.items()]
    out.print(tables.grid(rows, "model", "what it is", "presets"))
    weights = [(one.model, one.checkpoint, one.licence) for one in WEIGHTS]
    out.print(tables.grid(weights, "pretrained weights of", "where", "licence"))
    out.print(tables.grid([(name, "not loaded", why) for name, why in NOT_LOADED.items()]))
    for parts in (REPRESENTATIONS, MIXERS, BACKBONES, HEADS):
        known = [(name, entry.summary) for name, entry in parts.entries.items()]
        out.print(tables.grid(known, parts.kind, f"what it is (model.{parts.kind}=…)"))


@app.command()
def datasets() -> None:
    """List the named datasets, and where they are read from."""
    from latentcast.data.sources.catalog import DATASETS, FOLDER, local_path

    rows = []
    for name, dataset in DATASETS.items():
        here = sum(local_path(dataset, part) is not None for part in range(len(dataset.files)))
        found = "yes" if here == len(dataset.files) else "in part" if here else "no"
        rows.append((name, dataset.about, dataset.licence.split(" (")[0].removesuffix(" for the data"), found))
    out.print(tables.grid(rows, "dataset", "what it is", "licence", "found"))
    folder = os.environ.get(FOLDER)
    where = f"found: in {FOLDER} = {folder}" if folder else f"found: {FOLDER} can name a folder to look in first"
    print_line(f"{where}; the others are fetched when they are first used")


@app.command()
@takes_settings
def describe(
    data: Annotated[str, typer.Argument(metavar="DATA|DIR", help="Data, or a folder that fit or pretrain wrote.")],
    model: Annotated[str | None, typer.Option("--model", "-m", help="A model on DATA, untrained.")] = None,
    preset: Annotated[str | None, typer.Option("--preset", help="A preset of the model.")] = None,
    lookback: Lookback = None,
    horizon: Horizon = None,
    config: Config = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="PNG, PDF or SVG file: the codebook of a model that has one.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
    *,
    settings: dict[str, Any],
) -> None:
    """Show how DATA is read, or the parts of a model: every stage with its shape, weights and FLOPs."""
    from latentcast.workflows.describe import describe as run_describe
    from latentcast.workflows.load import load_folder

    if plot is not None:
        from latentcast.reporting.files import check_file

        check_file(plot, (".png", ".pdf", ".svg"), overwrite=overwrite)
        if not Path(data).is_dir():
            raise SettingsError("--plot draws the codebook of a trained model: name its folder")
    with capture_log_messages() as notes:
        description = run_describe(
            data, settings, model=model, preset=preset, lookback=lookback, horizon=horizon, config=config
        )
    out.print(tables.grid(description.facts.items()))
    if description.architecture is not None:
        print_line("\nOne window through it; what runs several times gives several shapes:")
        out.print(tables.architecture(description.architecture))
    if plot is not None:
        from latentcast.workflows.plots.codebook import plot_codebook

        plot_codebook(load_folder(data), plot)
        print_line(f"codebook drawn in {plot}")
    print_notes([*notes, *description.notes])


@app.command()
def prototype_attention(
    folder: Folder,
    data: Data,
    plot: Annotated[Path, typer.Option("--plot", help="PNG, PDF or SVG file to draw.")],
    series: Annotated[str | None, typer.Option("--series", help="Which series (default: the first).")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
) -> None:
    """Draw which text prototypes the patches of the last window attend to."""
    from latentcast.reporting.files import check_file
    from latentcast.workflows.prototype_attention import prototype_attention as run_prototype_attention

    check_file(plot, (".png", ".pdf", ".svg"), overwrite=overwrite)
    with capture_log_messages() as notes:
        result = run_prototype_attention(folder, data, series=series)
        result.plot(plot)
    print_notes(notes)
    rows = [(", ".join(result.words[i]), f"{result.weights[..., i].mean():.4f}") for i in result.top(8)]
    out.print(tables.grid(rows, "nearest words", "mean attention"))
    print_line(
        f"{result.series}: {result.weights.shape[1]} patches, {result.weights.shape[2]} prototypes, drawn in {plot}"
    )


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
    """Print the prompt of the last window of DATA, and its number of tokens."""
    from latentcast.workflows.prompts import prompts

    with capture_log_messages() as notes:
        shown = prompts(
            data, model, preset=preset, lookback=lookback, horizon=horizon, settings=settings, config=config
        )
    for series, text in shown.texts.items():
        print_line(f"{series}: {text}\n")
    print_line(shown.summary())
    print_notes(notes)


@app.command()
@takes_settings
def reconstruction_error(
    data: Data,
    model: Annotated[str | None, typer.Option("--model", "-m", help="A model that can reconstruct.")] = None,
    start: Annotated[
        Path | None, typer.Option("--from", metavar="DIR", help="Folder of a model, for its settings.")
    ] = None,
    lookback: Lookback = None,
    presets: Annotated[str, typer.Option("--presets", help="Presets, separated by commas: light,medium,heavy")] = "",
    ratios: Annotated[str, typer.Option("--ratios", help="Total compression ratios (default 2,4,8,16,32).")] = "",
    latent_dims: Annotated[str, typer.Option("--latent-dims", help="Widths of a latent, each with every ratio.")] = "",
    steps: Annotated[int, typer.Option("--steps", min=1, help="Training steps of each fit.")] = 300,
    config: Config = None,
    seed: Seed = None,
    file: Annotated[Path | None, typer.Option("--out", help="CSV or Parquet file for the table.")] = None,
    plot: Annotated[Path | None, typer.Option("--plot", help="PNG, PDF or SVG file to draw.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
    *,
    settings: dict[str, Any],
) -> None:
    """Measure reconstruction error against compression, to choose a ratio."""
    from latentcast.reporting.files import check_file, write_frame
    from latentcast.workflows.reconstruction_error import reconstruction_error as run_reconstruction_error

    for path, suffixes in ((file, (".csv", ".parquet")), (plot, (".png", ".pdf", ".svg"))):
        if path is not None:
            check_file(path, suffixes, overwrite=overwrite)
    with capture_log_messages() as notes:
        result = run_reconstruction_error(
            data,
            model,
            start=start,
            lookback=lookback,
            presets=[name.strip() for name in presets.split(",") if name.strip()],
            ratios=whole_numbers_in("--ratios", ratios),
            latent_dims=whole_numbers_in("--latent-dims", latent_dims),
            max_steps=steps,
            seed=seed,
            settings=settings,
            config=config,
        )
    print_notes([*notes, *result.notes])
    print_line(result.title())
    out.print(tables.floor(result))
    if file is not None:
        write_frame(result.frame(), file)
        print_line(f"table in {file}")
    if plot is not None:
        result.plot(plot)
        print_line(f"drawn in {plot}")


@app.command()
def demo(
    folder: Annotated[Path, typer.Option("--out", help="Folder for forecast.csv and the plot.")] = Path("demo"),
) -> None:
    """The main job on real data: weekly CO2 at Mauna Loa, with its gaps."""
    from latentcast.cli.demo import run_demo

    with capture_log_messages():  # the demo says them itself
        run_demo(folder, out)
