"""What lists tell of the results of a document, counted once when they are written."""

from collections import Counter
from collections.abc import Collection, Iterator

from ..tasks.classification import ClassesResult
from ..tasks.entities import EntityResultFile
from ..tasks.task import ResultFile
from .documents import MOST_CATEGORIES, CategoryCount, ResultSummary


def summarize(results: Collection[ResultFile], known: ResultSummary | None = None) -> ResultSummary | None:
    """Return the summary of results, and of those `known` that stay beside them; None where there are none."""
    if not results:
        return known
    found = [one for one in results if isinstance(one, EntityResultFile)]
    counts = Counter(entity.category for one in found for entity in one.entities)
    surenesses = list(_surenesses(results))
    entities = sum(len(one.entities) for one in found) if found else None
    if known:
        counts.update({one.category: one.count for one in known.categories})
        surenesses += [known.least_sure] if known.least_sure is not None else []
        if known.entities is not None:
            entities = known.entities + (entities or 0)
    most = sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:MOST_CATEGORIES]
    return ResultSummary(
        entities=entities,
        categories=tuple(CategoryCount(category=category, count=count) for category, count in most),
        least_sure=round(min(surenesses), 4) if surenesses else None,
    )


def _surenesses(results: Collection[ResultFile]) -> Iterator[float]:
    for one in results:
        if isinstance(one, EntityResultFile):
            yield from (entity.confidence_score for entity in one.entities)
        elif isinstance(one, ClassesResult):
            yield from (found.confidence_score for found in one.classes)
