"""Whole models: those that do not decompose into representation, backbone and head. A new one is a file and a row."""

from latentcast.core.registry import Registry

MODELS = Registry("model class")
MODELS.add("naive", "latentcast.models.standalone.naive:Naive")
MODELS.add("seasonal-naive", "latentcast.models.standalone.naive:SeasonalNaive")
MODELS.add("dlinear", "latentcast.models.standalone.dlinear:DLinear")
MODELS.add("fits", "latentcast.models.standalone.fits:Fits")
MODELS.add("ridge", "latentcast.models.standalone.ridge:Ridge")
MODELS.add("transformer", "latentcast.models.standalone.transformer:Transformer")
MODELS.add("autoformer", "latentcast.models.standalone.autoformer:Autoformer")
MODELS.add("auto-arima", "latentcast.models.standalone.classical:AutoArima")
MODELS.add("auto-ets", "latentcast.models.standalone.classical:AutoEts")
MODELS.add("theta", "latentcast.models.standalone.classical:Theta")
MODELS.add("chronos", "latentcast.models.foundation.chronos:Chronos")
MODELS.add("fracast", "latentcast.models.foundation.fracast:Fracast")
MODELS.add("timesfm", "latentcast.models.foundation.timesfm:TimesFm")
MODELS.add("tirex", "latentcast.models.foundation.tirex:TiRex")
MODELS.add("toto", "latentcast.models.foundation.toto:Toto")
MODELS.add("composed", "latentcast.models.composed:Composed")
MODELS.add("hybrid", "latentcast.models.hybrid.model:Hybrid")
MODELS.add("autoregressive", "latentcast.models.autoregressive:Autoregressive")
MODELS.add("generalist", "latentcast.models.pretrained.generalist:Generalist")
