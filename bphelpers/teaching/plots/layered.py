"""Places for the nodes of a graph: in columns, so that lines lead to the right and few of them cross."""

from collections.abc import Sequence
from itertools import combinations, pairwise

from bphelpers.teaching.plots.labels import Point, spread

Line = tuple[int, int]  # the number of a node, and which of its parents the line comes from
SWEEPS = 12


def layered(parents: Sequence[Sequence[int]]) -> tuple[list[Point], dict[Line, list[Point]]]:
    """The column and row of each node, and those of the bends of each line, from the parent on.

    ``parents`` are numbers of nodes that stand before. Nodes and bends of one column are at least one row
    apart, so that a line that skips columns goes around what stands there. In sweeps from left to right and
    back, everything moves towards the middle of its neighbours, as in K. Sugiyama and others, Methods for
    visual understanding of hierarchical system structures, 1981.

    >>> places, bends = layered([(), (), (0, 1), (2, 0)])
    >>> places
    [(0, 0.25), (0, 1.25), (1, 1.0), (2, 0.5)]
    >>> bends
    {(2, 0): [], (2, 1): [], (3, 0): [], (3, 1): [(1, 0.0)]}
    """
    column = [0] * len(parents)
    for k, ps in enumerate(parents):
        column[k] = 1 + max((column[p] for p in ps), default=-1)
    for k, ps in enumerate(parents):  # an input stands just before the first that uses it
        if not ps:
            column[k] = min((column[user] - 1 for user, ps in enumerate(parents) if k in ps), default=0)

    ways = {}
    for k, ps in enumerate(parents):
        for slot, p in enumerate(ps):
            between = ((k, slot, c) for c in range(column[p] + 1, column[k]))
            ways[k, slot] = [(p, -1, column[p]), *between, (k, -1, column[k])]
    pieces = [piece for way in ways.values() for piece in pairwise(way)]
    nodes = [(k, -1, c) for k, c in enumerate(column)]
    items = dict.fromkeys([*nodes, *(end for piece in pieces for end in piece)])
    columns = [[item for item in items if item[2] == c] for c in range(max(column) + 1)]
    row = {item: float(k) for one in columns for k, item in enumerate(one)}

    def tangled() -> tuple[int, float]:
        crossings = sum(
            (row[a] - row[b]) * (row[end] - row[other]) < 0
            for (a, end), (b, other) in combinations(pieces, 2)
            if a[2] == b[2]
        )
        return crossings, sum(abs(row[a] - row[b]) for a, b in pieces)

    best, least = dict(row), tangled()
    for sweep in range(SWEEPS):
        for one in columns[:: -1 if sweep % 2 else 1]:
            beside: dict[tuple[int, int, int], list[float]] = {item: [] for item in one}
            for piece in pieces:
                item, other = piece if sweep % 2 else piece[::-1]
                if item in beside:
                    beside[item].append(row[other])
            wish = {item: sum(rows) / len(rows) if rows else row[item] for item, rows in beside.items()}
            one.sort(key=lambda item: (wish[item], row[item]))
            row.update(zip(one, spread([wish[item] for item in one], 1.0), strict=True))
        if (now := tangled()) < least:
            best, least = dict(row), now
    top = min(best.values())
    at: dict[tuple[int, int, int], Point] = {item: (item[2], best[item] - top) for item in items}
    bends = {line: [at[bend] for bend in way[1:-1]] for line, way in ways.items()}
    return [at[node] for node in nodes], bends
