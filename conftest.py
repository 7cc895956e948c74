"""For every test run, whatever part of the suite it covers."""

import os

# training.fit shows a progress bar once a training takes over a second. On a slow machine that would be one
# more output of a cell, and the comparison with the stored outputs would depend on the machine. Kernels inherit it.
os.environ.setdefault("TQDM_DISABLE", "1")
