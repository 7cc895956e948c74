"""What lessons are checked with: ``make check LESSON=15`` runs all of it on one lesson.

``lesson`` reads a notebook, ``rules`` and ``numbers`` look at it, ``solved`` executes it with every solution
in its stub. A check is a function that gives a list of faults, each a sentence, and none where all is well.
"""
