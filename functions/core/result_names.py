"""Which documents a file of the output container may belong to, by its name alone.

The name is the document's with an ending; a task with a name of its own stands between the two. So "a.b.pii.json" is of
the document "a.b", or of "a" and its task "b": only the content of the file tells.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final, TypeVar

from ..tasks.kinds import KINDS
from .documents import ERROR_SUFFIX
from .listings import Named, sort_key
from .results import EXTRACTED_SUFFIX

JSON_ENDINGS: Final = tuple(dict.fromkeys(task.file_suffixes[0] for task in KINDS.values()))
"""Of results, which name their document."""

TEXT_ENDINGS: Final = tuple(
    dict.fromkeys(suffix for task in KINDS.values() for suffix in task.file_suffixes if suffix not in JSON_ENDINGS)
)
"""Of texts that are written beside the result of a task."""

OTHER_ENDINGS: Final = (EXTRACTED_SUFFIX, ".html", ".corrections.json")
"""Of files that a document has one of, whatever its tasks are."""

ENDINGS: Final = (*JSON_ENDINGS, ERROR_SUFFIX, *TEXT_ENDINGS, *OTHER_ENDINGS)

_TASK: Final = re.compile(r"\.[A-Za-z0-9_-]+\Z")


def stems(name: str) -> tuple[str, ...]:
    """Return the names of documents that a file may belong to; none for a file that is not named like one of ours."""
    ending = next((ending for ending in ENDINGS if name.endswith(ending)), None)
    if ending is None or name == ending:
        return ()
    stem = name.removesuffix(ending)
    task = _TASK.search(stem)
    may_have_task = ending in (*JSON_ENDINGS, *TEXT_ENDINGS) and task is not None and task.start() > 0
    return (stem, stem[: task.start()]) if may_have_task and task else (stem,)


N = TypeVar("N", bound=Named)
M = TypeVar("M", bound=Named)


def without_document(files: Iterable[N], documents: Iterable[M]) -> Iterator[N]:
    """Yield the files that can belong to none of the documents; both are sorted by name.

    Whatever a name begins with sorts before it, and together with all that begins alike. So the documents that are
    held are those that begin with each other, never more than a name has characters.
    """
    waiting = iter(documents)
    following = next(waiting, None)
    held: list[str] = []
    for file in files:
        while following is not None and sort_key(following.name) <= sort_key(file.name):
            while held and not following.name.startswith(held[-1]):
                held.pop()
            held.append(following.name)
            following = next(waiting, None)
        while held and not file.name.startswith(held[-1]):
            held.pop()
        possible = stems(file.name)
        if possible and not any(stem in held for stem in possible):
            yield file
