"""Fuzzing: wrong input of every kind for every door, seeded, counted, in child processes.

`python -m helpers.fuzzing prepare CORPUS` makes the right input that everything else is a wrong copy of;
`python -m helpers.fuzzing CORPUS DOOR SEED FIRST COUNT` tries that many inputs and prints what came of them, and with
`COUNT` 1 the traceback of what crashed. An input is made from its door, seed and number alone.
"""
