#!/usr/bin/env python3
"""The course's one door: python run.py lab (or test, lint, notebooks, lock, test-matrix, bench, clean).

This file stays readable to every Python since 2.7, so that one that is too old can say so.
The work is done in tools/launcher.py. Nothing but the standard library is needed.
"""
from __future__ import print_function

import sys

if sys.version_info[:2] < (3, 11):
    found = (sys.version_info[0], sys.version_info[1], sys.executable)
    command = "py -3.12" if sys.platform == "win32" else "python3.12"
    sys.stderr.write(
        "This course needs Python 3.11 or newer, and this is %d.%d (%s). Install a newer one, then "
        "run, for example: " % found + command + " run.py lab\n"
    )
    sys.exit(1)

from tools.launcher import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
