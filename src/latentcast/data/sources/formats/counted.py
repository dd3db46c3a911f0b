"""The mark of a frame whose reader counted the steps, since it knew no frequency."""

COUNTED = "latentcast_counted"  # in the attributes of a frame: the start of each series, none where there is no date
