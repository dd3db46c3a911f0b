"""TimeLLM of NeuralForecast, as a state_dict.

It differs from the published code in four ways: 1024 prototypes, all layers of the language model whatever
`llm_num_hidden_layers` says, a prompt that begins with `prompt_prefix` itself, and series that are not scaled before
the window is normalised. Its own `save` refuses this model, so that a file is one of
`torch.save(model.state_dict(), PATH)`.
"""

from latentcast.workflows.published.checkpoint import Checkpoint
from latentcast.workflows.published.mapping import ImportRequest, MappedWeights
from latentcast.workflows.published.time_llm import Dialect
from latentcast.workflows.published.time_llm import map_weights as map_time_llm

LANGUAGE_MODEL = ("llm.",)
NEURALFORECAST = Dialect("TimeLLM of NeuralForecast", "neuralforecast", LANGUAGE_MODEL[0])


def map_weights(checkpoint: Checkpoint, request: ImportRequest) -> MappedWeights:
    """`data.description` is the `prompt_prefix` (the text None where none was given)."""
    mapped = map_time_llm(checkpoint, request, NEURALFORECAST)
    settings = {**mapped.settings, "data": {"scale": False}}
    return MappedWeights(mapped.source, settings, mapped.tensors, mapped.check, mapped.notes)
