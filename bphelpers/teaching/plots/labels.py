"""Places for labels: along a line, where the least is hidden, and in a column, where none may touch."""

from collections.abc import Sequence

import numpy as np

Point = tuple[float, float]
Box = tuple[float, float, float, float]  # two opposite corners: the smaller x and y, the larger x and y
Line = tuple[Point, Point]


def free_place(
    line: Line,
    label: Box,
    taken: Sequence[Box],
    lines: Sequence[Line],
    *,
    along: Sequence[float],
    area: float,
    detour: float = 0.0,
) -> tuple[Point, Box]:
    """The point of a line whose label hides the least of what is there, and the box that it takes.

    ``label`` is its box around the origin, ``taken`` are the boxes and ``lines`` the other lines that are
    there, ``along`` the parts of the line to try, best first. Crossing a line costs 1, hiding a unit of
    ``taken`` costs ``area``, and a unit of ``along`` away from the best part ``detour``.

    >>> along, in_the_middle = [0.5, 0.4, 0.2, 0.8], (4, -1, 6, 1)
    >>> free_place(((0, 0), (10, 0)), (-1, -1, 1, 1), [in_the_middle], [], along=along, area=1.0)
    ((2.0, 0.0), (1.0, -1.0, 3.0, 1.0))
    """
    (start, end), t = np.array(line, dtype=float), np.array(along)[:, None]
    places = start + t * (end - start)
    boxes = np.hstack([places, places]) + label
    others = np.reshape(np.array(taken, dtype=float), (-1, 4))
    shared = np.minimum(boxes[:, None, 2:], others[:, 2:]) - np.maximum(boxes[:, None, :2], others[:, :2])
    hidden = shared.clip(0).prod(axis=2).sum(axis=1)

    ends = np.reshape(np.array(lines, dtype=float), (-1, 2, 1, 2))
    points = ends[:, 0] + np.linspace(0, 1, 60)[:, None] * (ends[:, 1] - ends[:, 0])
    corners = boxes[:, None, None, :]
    inside = ((corners[..., :2] < points) & (points < corners[..., 2:])).all(axis=3)
    crossed = inside.any(axis=2).sum(axis=1)

    best = np.argmin(area * hidden + crossed + detour * np.abs(t[:, 0] - t[0, 0]))
    (x, y), box = places[best].tolist(), boxes[best].tolist()
    return (x, y), (box[0], box[1], box[2], box[3])


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """Heights in rising order, moved as little as needed so that neighbours are at least ``gap`` apart.

    Labels that touch are merged to a group, and the group centred on the mean of where its members belong.

    >>> spread([0.0, 1.0, 50.0], gap=10.0)
    [-4.5, 5.5, 50.0]
    """

    def place(group: list[float], k: int) -> float:
        return sum(group) / len(group) + gap * (k - (len(group) - 1) / 2)

    groups: list[list[float]] = []  # each: the heights that its members wish for
    for wish in heights:
        groups.append([float(wish)])
        while len(groups) > 1 and place(groups[-1], 0) - place(groups[-2], len(groups[-2]) - 1) < gap - 1e-9:
            last = groups.pop()
            groups[-1] += last
    return [place(group, k) for group in groups for k in range(len(group))]
