"""Between representation and backbone: tokens to as many tokens of the same width. A new part is a file and a row here.

Any number of them, in any order (`model.mixers`). Each is built from its settings, the task and the representation,
and called with the tokens and the number of series that make one window (1 where channels are not folded into the
batch). `mixes_channels` says that these then see each other; `notes` is what a person should know of the choice.
"""

from latentcast.core.registry import Registry

MIXERS = Registry("mixer")
MIXERS.add(
    "inter-variate", "latentcast.models.mixers.inter_variate:InterVariate", "attention over the channels of a window"
)
MIXERS.add("mixture", "latentcast.models.mixers.mixture_of_experts:Mixture", "sparse mixture of experts for each token")
