"""See the product work on this machine: drop documents, watch, read what was found.

``python -m local.demo run`` drops the samples and ends; ``start`` watches a folder; ``measure`` takes the time.
"""

import importlib.util
import sys

from local.setup import python_of

if importlib.util.find_spec("click") is None:  # here, because the other modules begin with imports
    sys.exit(
        "This Python does not have the packages that the demo needs. "
        f"Run `python -m local.setup` once, then the demo with {python_of('.venv')} -m local.demo."
    )
