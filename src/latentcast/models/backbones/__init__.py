"""Tokens → tokens. A new backbone is a file here and a row below."""

from latentcast.core.registry import Registry

BACKBONES = Registry("backbone")
BACKBONES.add("encoder", "latentcast.models.backbones.encoder:EncoderBackbone", "Transformer encoder")
BACKBONES.add(
    "attention", "latentcast.models.backbones.attention:AttentionBackbone", "one attention layer, nothing else"
)
BACKBONES.add(
    "none", "latentcast.models.backbones.none:NoBackbone", "tokens as they are: a linear model of the representation"
)
BACKBONES.add(
    "encoder-decoder", "latentcast.models.backbones.encoder_decoder:EncoderDecoder", "Transformer encoder and decoder"
)
BACKBONES.add(
    "causal", "latentcast.models.backbones.causal:Causal", "Transformer that looks back alone, step by step too"
)
BACKBONES.add("frozen_llm", "latentcast.models.backbones.frozen_llm:FrozenLLM", "frozen language model behind a prompt")
