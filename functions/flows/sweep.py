"""Looks after jobs that nobody is driving: their message was lost, or is long overdue."""

import logging
from datetime import timedelta

import msgspec

from .. import telemetry
from ..app import EntityDrop
from ..errors import Changed, Missing, RecordError
from ..pipeline.jobs import JobMessage

logger = logging.getLogger(__name__)

GRACE = timedelta(minutes=3)
"""How long after its due time a job's message may be on its way: longer than any single step of a healthy job."""


def sweep(app: EntityDrop) -> int:
    """Put the jobs back on the queue that are overdue, and return how many; a job on time is not touched.

    Finding them takes a listing only. The record's due time is moved by compare-and-set first, so that several
    instances, or the next sweep, do not put the same job back again; a worker that dies between the two steps leaves
    a job that the sweep after next finds.
    """
    now = app.clock()
    overdue, waiting, oldest = [], 0, now
    for listed in app.states.list_jobs():
        waiting, oldest = waiting + listed.pieces, min(oldest, listed.created)
        if now - listed.due > GRACE:
            overdue.append(listed.id)
    telemetry.documents_waiting.set(waiting)
    telemetry.oldest_unfinished.set((now - oldest).total_seconds())
    swept = sum(_put_back(app, job_id) for job_id in overdue)
    logger.info(
        "Sweep: %s documents are under way; %s of %s overdue jobs were put back on the queue.",
        waiting,
        swept,
        len(overdue),
        extra={"action": "sweep", "waiting": waiting, "overdue": len(overdue), "put_back": swept},
    )
    return swept


def _put_back(app: EntityDrop, job_id: str) -> bool:
    try:
        job, etag = app.states.job(job_id)
        now = app.clock()
        if now - job.due <= GRACE:
            return False
        app.states.save_job(msgspec.structs.replace(job, due=now), etag)
    except (Missing, Changed):
        return False  # Somebody is driving it after all.
    except RecordError as error:
        logger.error("A job record is set aside: %s", error, extra={"action": "record_set_aside", "job": job_id})
        app.states.set_job_aside(job_id)
        return False
    app.queue.send(JobMessage(job.id, job.step), 0)
    logger.warning("Job %s was overdue.", job.id, extra={"action": "job_swept", **job.log_context()})
    return True
