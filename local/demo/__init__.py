"""See the product work on this machine: drop documents, watch, read what was found.

``python -m local.demo run`` drops the samples and ends; ``start`` watches a folder; ``measure`` takes the time.
"""

import importlib.util
import sys

from local.setup import python_of

# Here, because the other modules begin with imports. A Python of the system may have some of them.
_missing = [name for name in ("azure", "click", "psutil", "requests", "rich") if importlib.util.find_spec(name) is None]
if _missing:
    sys.exit(
        f"This Python does not have the packages that the demo needs ({', '.join(_missing)}). "
        f"Run `python -m local.setup` once, then the demo with {python_of('.venv')} -m local.demo."
    )
