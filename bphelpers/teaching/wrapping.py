"""Text in lines that a page can show."""

import textwrap

WIDTH = 88  # columns; JupyterLab breaks longer lines in the middle of a word


def wrapped(text: str, width: int = WIDTH) -> list[str]:
    """``text`` in lines of at most ``width`` columns; a word or a number is never broken.

    >>> wrapped("one-sided and centred", width=10)
    ['one-sided', 'and', 'centred']
    """
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
