"""Arguments and options that several commands share, and how their texts are read."""

import functools
import inspect
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from latentcast.core.errors import SettingsError

Data = Annotated[str, typer.Argument(metavar="DATA", help="A dataset's name, or a CSV or Parquet file.")]
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A folder that fit wrote.")]
Lookback = Annotated[int | None, typer.Option("--lookback", "-L", help="Steps that are read.")]
Horizon = Annotated[int | None, typer.Option("--horizon", "-H", help="Steps that are forecast.")]
Config = Annotated[Path | None, typer.Option("--config", help="YAML file of settings.")]
Seed = Annotated[int | None, typer.Option("--seed", help="Random seed (default 0).")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]
Start = Annotated[
    Path | None,
    typer.Option(
        "--from", metavar="DIR", help="Folder whose weights the training begins with; generalist: those shipped."
    ),
]
Resume = Annotated[bool, typer.Option("--resume", help="Continue a training that was cut in the folder.")]
Level = Annotated[str | None, typer.Option("--level", help="Levels of prediction intervals in per cent, as 80,90.")]
Method = Annotated[
    str, typer.Option("--interval-method", help="How they are made: auto, conformal, adaptive, quantiles or paths.")
]
Paths = Annotated[int, typer.Option("--paths", min=2, help="Futures drawn for each window, by a model that samples.")]
Stride = Annotated[
    int, typer.Option("--stride", min=1, help="Judge one window of so many; a note says that it is a sample.")
]
Fraction = Annotated[
    float | None, typer.Option("--fraction", help="Few-shot: learn from this first share of the training part.")
]
Weights = Annotated[str | None, typer.Option("--weights", help="Of several DATA: shares of the batches, as 1,1,2.")]
Several = Annotated[
    str, typer.Argument(metavar="DATA", help="A dataset's name or a file; several, separated by commas.")
]
Transfer = Annotated[
    bool, typer.Option("--transfer", help="DATA differ from those of the fit: their own columns, split and scaling.")
]
Engine = Annotated[str | None, typer.Option("--engine", help="local (default) or ray.")]
Workers = Annotated[int | None, typer.Option("--workers", min=1, help="Processes, or tasks on a Ray cluster.")]
Address = Annotated[str | None, typer.Option("--address", help="Address of a running Ray cluster.")]
Cpus = Annotated[float, typer.Option("--cpus", min=0, help="Cores of each task on a Ray cluster.")]
Gpus = Annotated[float, typer.Option("--gpus", min=0, help="GPUs of each task on a Ray cluster.")]
Retries = Annotated[int, typer.Option("--retries", min=0, help="How often work of a lost Ray worker is begun again.")]
Text = str | None
OF_DATA = {  # settings of the data with an option of their own
    "features": Annotated[Text, typer.Option(help="M: all → all, S: target → target, MS: all → target.")],
    "target": Annotated[Text, typer.Option(help="Channel that S and MS forecast.")],
    "gaps": Annotated[Text, typer.Option(help="Missing values: mask (default), interpolate, ffill or error.")],
    "freq": Annotated[Text, typer.Option(help="Frequency, when it is not to be inferred: h, 15min, D, MS …")],
    "time": Annotated[Text, typer.Option(help="Name of the time column.")],
    "id": Annotated[
        list[str] | None,
        typer.Option(help="Long data: name of the id column; repeat for further columns."),
    ],
    "value": Annotated[
        list[str] | None,
        typer.Option(help="Long data: name of the value column; repeat for further columns, each a series of its own."),
    ],
    "describe": Annotated[Text, typer.Option(help="Description of the data in a sentence, for language models.")],
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
        from latentcast.core.nested import merge_without_conflict, nested
        from latentcast.core.parsing import parse_assignments

        assign, *texts = (values.pop(name) for name in ("assign", *OF_DATA))
        given = zip(OF_DATA, texts, strict=True)
        stated = {f"data.{CALLED.get(key, key)}": text for key, text in given if text}
        command(**values, settings=merge_without_conflict(parse_assignments(assign or []), nested(stated)))

    signature = inspect.signature(command)
    own = [parameter for name, parameter in signature.parameters.items() if name != "settings"]
    kind = inspect.Parameter.KEYWORD_ONLY
    added = [inspect.Parameter(name, kind, default=None, annotation=hint) for name, hint in options.items()]
    whole.__signature__ = signature.replace(parameters=[*own, *added])  # type: ignore[attr-defined]
    whole.__annotations__ = {parameter.name: parameter.annotation for parameter in (*own, *added)}
    del whole.__wrapped__  # typer would read the signature of what is inside
    return whole


Threads = Annotated[
    int | None,
    typer.Option("--threads", min=1, help="Threads to compute with; by default the cores that the process may use."),
]


def does_without_torch(command: str, folder: Any) -> bool:
    """Whether a command may do without torch: on an exported file, and to predict with a linear map."""
    from latentcast.forecaster.export.address import is_exported

    if folder is None or command != "predict":
        return is_exported(folder)
    from latentcast.forecaster.linear.address import holds_linear

    return is_exported(folder) or holds_linear(folder)


def takes_threads(command: Callable[..., None]) -> Callable[..., None]:
    """The command with --threads, which holds for all that it computes."""

    @functools.wraps(command)
    def whole(threads: int | None = None, **values: Any) -> None:
        from latentcast.core.threads import using_threads

        with using_threads(threads, with_torch=not does_without_torch(command.__name__, values.get("folder"))):
            command(**values)

    signature = inspect.signature(command)
    added = inspect.Parameter("threads", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Threads)
    parameters = [*signature.parameters.values(), added]
    whole.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    whole.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    del whole.__wrapped__  # typer would read the signature of what is inside
    return whole


def levels_in(text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(level) for level in text.split(",")]
    except ValueError:
        raise SettingsError(f"--level {text}: wanted numbers of per cent, separated by commas, as 80,90") from None


def numbers_in(option: str, text: str, wanted: str = "numbers") -> list[float]:
    try:
        return [float(number) for number in text.split(",")]
    except ValueError:
        raise SettingsError(f"{option} {text}: wanted {wanted}, separated by commas") from None


def whole_numbers_in(option: str, text: str) -> list[int]:
    try:
        return [int(number) for number in text.split(",") if number.strip()]
    except ValueError:
        raise SettingsError(f"{option} {text}: wanted whole numbers, separated by commas") from None


def several_in(text: str) -> str | list[str]:
    """A,B,C → the three of them; a path that exists as it is stated is one file, whatever its name."""
    if "," not in text or Path(text).exists():
        return text
    return [name.strip() for name in text.split(",") if name.strip()]


def with_fraction(settings: dict[str, Any], fraction: float | None) -> dict[str, Any]:
    from latentcast.core.nested import merge_without_conflict

    return settings if fraction is None else merge_without_conflict(settings, {"data": {"fraction": fraction}})


def on_cluster(engine: str | None, address: str | None, cpus: float, gpus: float, retries: int) -> dict[str, Any]:
    """Arguments of the library. Raises SettingsError for those of a Ray cluster without --engine ray."""
    if engine != "ray":
        given = [("--address", address), ("--cpus", cpus != 1), ("--gpus", gpus), ("--retries", retries != 3)]
        refuse_unread("is of a Ray cluster; say --engine ray", given)
    return {"engine": engine or "local", "address": address, "cpus": cpus, "gpus": gpus, "retries": retries}


def refuse_unread(why: str, given: Iterable[tuple[str, object]]) -> None:
    """Raises SettingsError for options that were given and are not read."""
    unread = [name for name, value in given if value]
    if unread:
        raise SettingsError([f"{name}: {why}" for name in unread])
