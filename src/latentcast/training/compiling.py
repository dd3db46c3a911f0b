"""torch.compile for the parts of a network while it is trained."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from latentcast.core.errors import Fault, SettingsError
from latentcast.core.protocols import CompilesParts
from latentcast.models.network import Network

BACKEND = "inductor"


@contextmanager
def compiled(network: Network, *, enabled: bool) -> Iterator[None]:
    """Run the network's parts compiled inside the block; names and values of weights are unchanged.

    Raises SettingsError where this machine cannot compile.
    """
    if not enabled:
        yield
        return
    model: nn.Module = network.model
    parts = list(model.compiled_parts) if isinstance(model, CompilesParts) else [model]
    for part in parts:
        part.compile(backend=BACKEND, dynamic=True)
    try:
        yield
    except RuntimeError as error:
        if not type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
            raise
        why = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise SettingsError(
            Fault("training.compile", f": torch cannot compile this model ({why}); set it to false")
        ) from error
    finally:
        for part in parts:
            part._compiled_call_impl = None
