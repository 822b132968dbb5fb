"""The ledger of a Language resource in the state container: its health, which all instances share."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from ..core.health import Health, Level, Standing
from ..errors import Changed, Fault, Missing
from .containers import Container
from .record_format import decode, encode
from .shared_record import resource_name

logger = logging.getLogger(__name__)

LEDGERS = "budget/"

DAILY = f"{LEDGERS}daily.json"
"""The blob with the count of the day's text records."""

MAX_RACES = 10
"""Times that one change may lose against other instances before it is left out; the next one is counted."""

Change = Callable[[Health], Health | None]
"""Returns the ledger as it shall be; None where there is nothing to write after all."""


def request_ledger_name(endpoint: str) -> str:
    """Return the name of the blob with the ledger of the requests to a Language resource.

    It is another blob than that of the resource's health: an instance of the release before, which writes that anew
    during a deployment, would drop the send times from it. And while this one can not be written, that one may be.
    """
    return f"{LEDGERS}requests/{resource_name(endpoint)}.json"


class HealthStore:
    """Keeps the ledger of one Language resource in a blob; every save is a compare-and-set."""

    def __init__(self, container: Container, endpoint: str) -> None:
        self._container = container
        self._name = f"{LEDGERS}{resource_name(endpoint)}.json"

    def load(self) -> tuple[Health, str | None]:
        """Return the ledger and its ETag; an empty one and None where there is none yet.

        Raises `RecordError` where the blob can not be read as a ledger, `NewerRecord` where a newer release has written
        it, and what the storage raises.
        """
        try:
            blob = self._container.read(self._name)
        except Missing:
            return Health(), None
        return decode(blob, Health), blob.info.etag

    def save(self, health: Health, etag: str | None) -> str:
        """Save the ledger over the version `etag`, or create it where that is None. Raises `Changed`."""
        return self._container.write(self._name, encode(health), if_match=etag, if_absent=etag is None)


@dataclass(slots=True)
class HealthMonitor:
    """The ledger as one worker knows it; shared by all of its threads."""

    store: HealthStore
    clock: Callable[[], datetime]
    _known: Health | None = None
    _etag: str | None = None
    _read_at: datetime | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def read(self, max_age_s: float) -> Health | None:
        """Return the ledger, read at most `max_age_s` ago; None where it can not be read."""
        with self._lock:
            now = self.clock()
            if self._known and self._read_at and abs((now - self._read_at).total_seconds()) < max_age_s:
                return self._known
            try:
                self._known, self._etag = self.store.load()
                self._read_at = now
            except Exception as error:
                _log_unreachable("read", error)
                self._known = None
            return self._known

    def update(self, change: Change) -> Health | None:
        """Change the ledger by compare-and-set and return it as it is then; None where that was not possible."""
        with self._lock:
            for _ in range(MAX_RACES):
                known = self._known or self.read(0)
                if known is None:
                    return None
                changed = change(known)
                if changed is None:
                    return known
                try:
                    self._etag = self.store.save(changed, self._etag)
                except Changed:
                    self._known = None
                    continue
                except Exception as error:
                    _log_unreachable("written", error)
                    self._known = None
                    return None
                self._known, self._read_at = changed, self.clock()
                _log_changes(known, changed)
                return changed
        return None


def _log_unreachable(what: str, error: Exception) -> None:
    logger.warning(
        "The ledger of the Language resource can not be %s: %s. Failed jobs go by their own times meanwhile.",
        what,
        type(error).__name__,
        extra={"action": "health_unknown"},
    )


def _log_changes(before: Health, after: Health) -> None:
    for name, old, new in [
        (Level.RESOURCE.value, before.resource, after.resource),
        *((model, before.models.get(model, Standing()), standing) for model, standing in after.models.items()),
    ]:
        if new.opened_at and not old.opened_at:
            code, advice = (new.reason.code, new.reason.help) if new.reason else ("", "")
            is_ours = new.reason is not None and new.reason.fault is Fault.CONFIGURATION
            logger.log(
                logging.ERROR if is_ours else logging.WARNING,
                "The Language service fails (%s): %s. New jobs wait, unbilled, until it has recovered. %s",
                name,
                code,
                advice,
                extra={"action": "breaker_opened", "level": name, "reason": code},
            )
        elif old.opened_at and not new.opened_at:
            logger.warning(
                "The Language service works again (%s). Waiting jobs go on.",
                name,
                extra={"action": "breaker_closed", "level": name},
            )
