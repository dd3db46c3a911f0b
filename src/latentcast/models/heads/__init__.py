"""Tokens → forecast and its loss. A new head is a file here and a row below."""

from latentcast.core.registry import Registry

HEADS = Registry("head")
HEADS.add(
    "flatten", "latentcast.models.heads.flatten:Flatten", "all tokens of a series, flattened, through one linear map"
)
HEADS.add(
    "decompression", "latentcast.models.heads.decompression:Decompression", "undoes a compression, stage by stage"
)
HEADS.add("code", "latentcast.models.heads.code:CodeHead", "probabilities of codes, decoded by their codec")
HEADS.add(
    "quantile", "latentcast.models.heads.quantile:Quantile", "all tokens, flattened, to quantiles that cannot cross"
)
