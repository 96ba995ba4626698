"""A Hydra sweeper that searches with hyperopt: `hydra/sweeper=hyperopt`.

It stands on its own: any Hydra application can use it. `sweep` reads what a sweep has left in its folder, `pruning`
stops a job early, `config` has the options; all other modules are private.
"""
