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
    if unread := [name for name in CHOSEN if options.pop(name, None)]:
        raise SettingsError([f"{name}: model='auto' chooses it; leave it out, or name a model" for name in unread])
    defaults = signature(fit_named).parameters
    given = [name for name in ELSEWHERE if options.pop(name, defaults[name].default) != defaults[name].default]
    if given:
        one = "model='auto' chooses in one process; leave it out, or name a model"
        raise SettingsError([Fault(name, f": {one}") for name in given])
    options.pop("progress", None)
    threads = options.pop("threads", None)
    from latentcast.core.threads import using_threads

    with using_threads(threads):
        return fit_auto(data, **options).forecaster
