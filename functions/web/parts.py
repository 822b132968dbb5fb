"""What the page and its API are put together from; made at the first request."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from ..settings import Settings
from ..workflows.correcting import Correcting
from ..workflows.details import DocumentContents
from ..workflows.document_lists import DocumentLists
from ..workflows.model_view import ModelView
from ..workflows.queries import StatusReader
from ..workflows.replay import Replay
from ..workflows.reviewed_documents import CorrectionsReader
from ..workflows.uploads import Uploads


@dataclass(frozen=True, slots=True)
class WebParts:
    """The collaborators of the resources."""

    settings: Settings
    uploads: Uploads
    lists: DocumentLists
    contents: DocumentContents
    status: StatusReader
    replay: Replay
    correcting: Correcting
    corrections: CorrectionsReader
    model: ModelView
    models: Callable[[], list[str]]
    """The models that settings and rules name now."""
    clock: Callable[[], datetime]
