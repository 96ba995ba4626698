"""A Hydra sweeper that searches with hyperopt: `hydra/sweeper=hyperopt`.

It stands on its own: any Hydra application can use it. `pruning` holds what a job needs to be stopped early.
"""
