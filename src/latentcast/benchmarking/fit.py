"""`latentcast.fit` with all its models: one that is named, or the one that `auto` chooses."""

from functools import wraps
from inspect import signature
from typing import Any

from latentcast.benchmarking.auto import fit_auto
from latentcast.core.errors import Fault, SettingsError
from latentcast.forecaster.forecaster import Forecaster
from latentcast.workflows.fitting.fit import fit as fit_named

AUTO = "auto"
CHOSEN = ("lookback", "preset", "start", "weights", "resume")  # `auto` chooses them, or has no use for them
ELSEWHERE = ("engine", "workers", "address", "storage", "cpus", "gpus", "retries")


@wraps(fit_named)
def fit(data: Any, model: str | None = None, **options: Any) -> Forecaster:
    if model != AUTO:
        return fit_named(data, model, **options)
    _refuse(options, CHOSEN, "chooses it")
    _refuse(options, ELSEWHERE, "chooses in one process")
    if options.get("overwrite") and options.get("out") is None:
        raise SettingsError([Fault("overwrite", " replaces a folder: say which (out)")])
    options.pop("progress", None)
    threads = options.pop("threads", None)
    from latentcast.core.threads import using_threads

    with using_threads(threads):
        return fit_auto(data, **options).forecaster


def _refuse(options: dict[str, Any], names: tuple[str, ...], why: str) -> None:
    """Take arguments out that have their defaults. Raises SettingsError for the others, whatever their value."""
    defaults = signature(fit_named).parameters
    if given := [name for name in names if options.pop(name, defaults[name].default) != defaults[name].default]:
        raise SettingsError([Fault(name, f": model='auto' {why}; leave it out, or name a model") for name in given])
