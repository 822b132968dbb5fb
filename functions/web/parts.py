"""What the page and its API are put together from; imports nothing that starts slowly."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from ..core.health import Health
from ..settings import Settings
from ..workflows.details import DocumentDetails
from ..workflows.uploads import Uploads


@dataclass(frozen=True, slots=True)
class WebParts:
    """The collaborators of the resources; `health` returns what is known of each Language resource, by its name."""

    settings: Settings
    uploads: Uploads
    details: DocumentDetails
    health: Callable[[], dict[str, Health | None]]
    clock: Callable[[], datetime]
