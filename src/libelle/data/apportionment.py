"""How many rows of each label go to each cut, so that the shares hold for all rows together and for each label."""

import numpy as np

from libelle.features import Doubles, Ints


def apportion(sizes: Ints, shares: Doubles) -> Ints:
    """Share out the rows of each label.

    A label's part of a cut is its share, rounded down or up. What rounding takes from one label it gives to the next,
    so that the total is what was asked for and labels of few rows, neighbours in this order, reach each cut in
    proportion. A label keeps a row for training as long as others can give theirs; for labels of one row that means
    all of it. Where there are two labels, each has a row in each cut if its rows suffice: without one of either,
    nothing can be measured.

    Args:
        sizes: rows of each label, int64 [labels], largest first.
        shares: of each cut, float64 [cuts]; together below 1.

    Returns:
        Rows of each label and cut, int64 [labels, cuts].
    """
    # A share that is whole has nothing to be rounded: 0.15 * 20 is 3.0000000000000004 in some orders of work.
    exact = np.round(sizes[:, None] * shares, 9)
    least = np.floor(exact).astype(np.int64)
    wanted = np.rint(shares * sizes.sum()).astype(np.int64) - least.sum(axis=0)
    room = sizes - least.sum(axis=1) - 1
    more = _carry(_scaled(exact - least, room, wanted), room)
    _fill(more, room - more.sum(axis=1), wanted)
    if len(sizes) == 2:
        _one_of_each(least, more, sizes)
    elif sizes[:1] > 1:
        _fill(more, (sizes == 1) - more.sum(axis=1), wanted)
    return least + more


def _scaled(rest: Doubles, room: Ints, wanted: Ints) -> Doubles:
    """The fractions of the labels that can give a row, so that they add up to the rows that are wanted."""
    rest = np.where(room[:, None] > 0, rest, 0)
    total = rest.sum(axis=0)
    scale = np.divide(wanted, total, out=np.zeros_like(total), where=total > 0)
    return np.asarray(np.minimum(rest * scale, 1))


def _carry(fractions: Doubles, room: Ints) -> Ints:
    """One more row, 0 or 1 for each label and cut, wherever the fractions of the labels so far add up to one."""
    owed = [0.0] * fractions.shape[1]
    more = np.zeros(fractions.shape, np.int64)
    for label, (parts, left) in enumerate(zip(fractions.tolist(), room.tolist(), strict=True)):
        owed = [before + part for before, part in zip(owed, parts, strict=True)]
        for cut in sorted(range(len(owed)), key=lambda cut: -owed[cut])[: max(left, 0)]:
            if owed[cut] >= 0.5 and parts[cut] > 0:
                more[label, cut] = 1
                owed[cut] -= 1
    return more


def _fill(more: Ints, room: Ints, wanted: Ints) -> None:
    """Give labels that have room one more row, in order, until each cut has what is wanted; `more` changes."""
    for cut, missing in enumerate(wanted - more.sum(axis=0)):
        chosen = np.flatnonzero((room > 0) & (more[:, cut] == 0))[: max(missing, 0)]
        more[chosen, cut] = 1
        room[chosen] -= 1


def _one_of_each(least: Ints, more: Ints, sizes: Ints) -> None:
    """Give both labels a row in each cut, as long as they have rows, and one for training; `more` changes."""
    for label, size in enumerate(sizes):
        other = 1 - label
        for cut in np.flatnonzero(least[label] + more[label] == 0):
            part = least[label] + more[label]
            fullest = part.argmax()
            if part.sum() + 1 < size:
                more[label, cut] += 1
                # The other label's row, if it has more than its share: the total stays.
                if min(least[other, cut], more[other, cut]) > 0:
                    more[other, cut] -= 1
            elif part[fullest] > 1:
                # Where shares are large, the row is not one for training, which has the last: the labels swap cuts.
                more[label, [cut, fullest]] += [1, -1]
                if least[other, cut] + more[other, cut] > 1:
                    more[other, [cut, fullest]] += [-1, 1]
