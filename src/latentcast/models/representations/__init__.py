"""Series ↔ tokens. A new representation is a file here and a row below."""

from latentcast.registry import Registry

REPRESENTATIONS = Registry("representation")
REPRESENTATIONS.add("patch", "latentcast.representations.patch:Patch", "overlapping patches, embedded linearly")
REPRESENTATIONS.add(
    "compression", "latentcast.representations.compression:TemporalCompression", "time steps merged in stages"
)
REPRESENTATIONS.add("codes", "latentcast.representations.codes:Codes", "discrete codes of a learned codebook (VQ-VAE)")
REPRESENTATIONS.add("wavelet", "latentcast.representations.wavelet:Wavelet", "patches of wavelet coefficients")
REPRESENTATIONS.add(
    "multi-scale", "latentcast.representations.multi_scale:MultiScale", "patches at several resolutions, fused"
)
REPRESENTATIONS.add("views", "latentcast.representations.views:Views", "several of these at once, fused")
REPRESENTATIONS.add(
    "frequency", "latentcast.representations.frequency:Frequency", "patches of trend and season apart, fused"
)
