"""When deployments expire, kept in the state container so that it is read once a day, whatever instances there are."""

from ..core.expiry import Expiries
from ..errors import Changed, Missing, NewerRecord, RecordError
from .containers import Container
from .record_format import decode, encode

EXPIRIES = "index/deployments.json"


class ExpiryStore:
    """Keeps the dates."""

    def __init__(self, state: Container) -> None:
        self._state = state

    def load(self) -> tuple[Expiries | None, str | None]:
        """Return what was read last and its ETag; None where there is nothing that this release can read."""
        try:
            blob = self._state.read(EXPIRIES)
        except Missing:
            return None, None
        try:
            return decode(blob, Expiries), blob.info.etag
        except (RecordError, NewerRecord):
            return None, blob.info.etag

    def save(self, expiries: Expiries, etag: str | None) -> bool:
        """Save what was read over the version `etag`; return False where another instance was faster."""
        try:
            self._state.write(EXPIRIES, encode(expiries), if_match=etag, if_absent=etag is None)
        except Changed:
            return False
        return True
