"""Where bundles of stages are carried out: local processes, a Ray cluster, a SLURM queue.

``base.py`` says what each of them does, ``dispatch.py`` which bundle is next.
"""
