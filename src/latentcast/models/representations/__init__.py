"""Series ↔ tokens. A new representation is a file here and a row below."""

from latentcast.core.registry import Registry

REPRESENTATIONS = Registry("representation")
REPRESENTATIONS.add("patch", "latentcast.models.representations.patch:Patch", "overlapping patches, embedded linearly")
REPRESENTATIONS.add(
    "compression", "latentcast.models.representations.compression:TemporalCompression", "time steps merged in stages"
)
REPRESENTATIONS.add(
    "codes", "latentcast.models.representations.codes:Codes", "discrete codes of a learned codebook (VQ-VAE)"
)
REPRESENTATIONS.add("wavelet", "latentcast.models.representations.wavelet:Wavelet", "patches of wavelet coefficients")
REPRESENTATIONS.add(
    "multi-scale", "latentcast.models.representations.multi_scale:MultiScale", "patches at several resolutions, fused"
)
REPRESENTATIONS.add("views", "latentcast.models.representations.views:Views", "several of these at once, fused")
REPRESENTATIONS.add(
    "frequency", "latentcast.models.representations.frequency:Frequency", "patches of trend and season apart, fused"
)
REPRESENTATIONS.add(
    "periods", "latentcast.models.representations.periods:Periods", "one token for each phase of the season"
)
