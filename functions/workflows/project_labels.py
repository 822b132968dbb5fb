"""Exports and imports the labels of a project, which have no version: who changes them exports them first."""

from .authoring_jobs import Authoring, JobFailed


def export_labels(authoring: Authoring) -> bytes:
    """Return the labels of a project, as the service gives them. Raises `JobFailed` and what `Authoring.do` does."""
    what = f"The export of project '{authoring.project}'"
    for _ in range(3):
        job = authoring.do(what, "POST", (":export",), ("export", "jobs"), query="&stringIndexType=Utf16CodeUnit")
        content = authoring.content("export", "jobs", job.job_id, "result")
        if content is not None:
            return content
    raise JobFailed(f"{what} has ended, and its result is not there. Try again.")


def import_labels(authoring: Authoring, content: bytes) -> None:
    """Replace the labels of a project. Raises `JobFailed` and what `Authoring.do` does."""
    what = f"The import into project '{authoring.project}'"
    authoring.do(what, "POST", (":import",), ("import", "jobs"), content, is_encoded=True)
