"""The samples of the repository, which the page offers on the machine of a developer; a deployed app has none."""

from pathlib import Path

from starlette.routing import BaseRoute

from ..settings import Settings
from .static_files import file_route

SAMPLES_ADDRESS = "/samples/"
FOLDER = Path(__file__).parents[2] / "samples" / "drop"
MOST_SAMPLES = 6


def samples_of(settings: Settings) -> list[str]:
    """Return the names of the samples that the page offers."""
    if settings.web != "open" or not FOLDER.is_dir():
        return []
    return sorted(path.name for path in FOLDER.iterdir() if path.is_file() and not path.name.startswith("."))[
        :MOST_SAMPLES
    ]


def sample_routes(settings: Settings) -> list[BaseRoute]:
    """Return a route for each sample; its content is for downloading only."""
    return [
        file_route(SAMPLES_ADDRESS + name, FOLDER / name, "application/octet-stream") for name in samples_of(settings)
    ]
