"""A simulated WASP-39b exposure that the real pipeline calibrates, with its truth.

The modules read in the order in which nature does it: `scene` (the light),
`cosmic_rays`, `detector` (what the pixels do with it), `noise`, `exposure` (the
files), `references` and `crds_cache` (what the pipeline needs), `truth` (what is
known afterwards). Choices of our own, for which no published number exists, are
marked ``[A]`` where they stand.
"""
