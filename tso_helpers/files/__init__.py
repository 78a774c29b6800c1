"""What lies on disk, and how it is read and written so that nothing half-written is ever taken for whole.

`atomic` writes, `lock` keeps others out meanwhile, `integrity` tells whether a file is what it was, `level1b` describes
uncal files, `models` reads and cuts data models, `products` keeps results, `crds_cache` knows the reference files of a
simulated exposure. Nothing here knows any science.
"""
