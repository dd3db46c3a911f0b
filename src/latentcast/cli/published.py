"""The command that takes weights of other codes over: import."""

from pathlib import Path
from typing import Annotated, Any

import typer

from latentcast.cli.app import app
from latentcast.cli.options import Horizon, Lookback, Overwrite, takes_settings, takes_threads
from latentcast.cli.output import print_line, print_metrics, print_notes
from latentcast.core.log_capture import capture_log_messages


@app.command(name="import")
@takes_threads
@takes_settings
def import_weights(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="time-llm or dlinear.")],
    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="A state_dict: .pth, .pt or .safetensors.")],
    data: Annotated[str, typer.Option("--data", metavar="DATA", help="The data that the checkpoint was trained on.")],
    folder: Annotated[Path, typer.Option("--out", help="Folder to save into.")],
    lookback: Lookback = None,
    horizon: Horizon = None,
    llm: Annotated[str | None, typer.Option("--llm", help="Folder or hub id of its language model.")] = None,
    calibrate: Annotated[bool, typer.Option(help="Forecast the validation part, for prediction intervals.")] = True,
    overwrite: Overwrite = False,
    *,
    settings: dict[str, Any],
) -> None:
    """Make a forecaster from a checkpoint of published code."""
    from latentcast.workflows.published.import_checkpoint import import_checkpoint

    with capture_log_messages():
        made = import_checkpoint(
            checkpoint, model, data, lookback=lookback, horizon=horizon, llm=llm, settings=settings,
            calibrate=calibrate, out=folder, overwrite=overwrite,
        )  # fmt: skip
    print_notes([str(note) for note in made.card.notes])
    assert made.card.imported is not None
    print_line(f"{made.name} of {made.card.imported.source}: {made.task.lookback} → {made.task.horizon} steps")
    if made.card.validation is not None:
        print_metrics(made.card.validation)
    print_line(f"saved in {folder}")
