"""Commands that read Parquet files part by part: what is printed of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from latentcast.cli.options import refuse_unread
from latentcast.cli.output import counted, print_line, print_notes
from latentcast.core.log_capture import capture_log_messages

if TYPE_CHECKING:
    from latentcast.evaluation.metrics import Evaluation

Where = tuple[str | None, int | None, str | None]  # engine, workers, address, as they were given


def options_of(where: Where) -> dict[str, Any]:
    """The same as arguments of the library."""
    engine, workers, address = where
    return {"engine": engine or "local", "workers": workers or 1, "address": address}


def holds_parquet(data: str) -> bool:
    """Whether the data are a folder of Parquet files, which are read part by part."""
    return any(Path(data).glob("*.parquet"))


def refuse_without_folder(*where: object) -> None:
    """Raises SettingsError for options that only work part by part has."""
    names = ("--engine", "--workers", "--address")
    why = "works part by part into a folder; name one with --out, without a suffix"
    refuse_unread(why, zip(names, where, strict=True))


def impute_parts(model: Path, data: str, folder: Path, where: Where, *, overwrite: bool) -> None:
    """Fill gaps part by part."""
    from latentcast.distributed.impute import impute

    with capture_log_messages() as notes:
        found: Any = impute(model, data, out=folder, overwrite=overwrite, **options_of(where))
    print_notes(notes)
    print_line(f"{counted(found.filled, 'value')} of {found.values} filled, in {folder}")


def score_parts(model: Path, data: str, folder: Path, where: Where, *, overwrite: bool) -> None:
    """Score steps part by part."""
    from latentcast.distributed.anomaly import anomaly_scores

    with capture_log_messages() as notes:
        found: Any = anomaly_scores(model, data, out=folder, overwrite=overwrite, **options_of(where))
    print_notes(notes)
    print_line(f"{counted(found.rows, 'step')} judged, in {folder}")


def evaluate_parts(
    model: Path, data: str, folder: Path | None, where: Where, *, overwrite: bool, **how: Any
) -> "Evaluation":
    """Judge part by part, with the forecasts in a folder where one is named."""
    from latentcast.distributed.evaluate import evaluate

    with capture_log_messages() as notes:
        found = evaluate(model, data, out=folder, overwrite=overwrite, **options_of(where), **how)
    print_notes(list(dict.fromkeys([*notes, *found.notes])))
    return found
