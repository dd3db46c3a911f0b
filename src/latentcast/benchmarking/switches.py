"""The sets of parts that `ablate` switches, by name."""

from collections.abc import Callable

from latentcast.benchmarking.linear_switches import of_linear_parts
from latentcast.benchmarking.variants import Study, of_extensions, of_language_model
from latentcast.core.errors import Fault, SettingsError, suggest
from latentcast.models.config.run import RunConfig

SWITCHES: dict[str, Callable[[RunConfig], Study]] = {
    "llm": of_language_model,
    "all": of_extensions,
    "linear": of_linear_parts,
}


def study(switches: str, run: RunConfig) -> Study:
    """Raises SettingsError for switches that are not known, or that the model does not have."""
    if switches not in SWITCHES:
        raise SettingsError(Fault("switches", f": {switches!r} is not known; {suggest(switches, SWITCHES)}"))
    return SWITCHES[switches](run)
