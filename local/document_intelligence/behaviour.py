"""How the stand-in answers where the service's behaviour was not found, or was seen in two forms: one switch each."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Every switch with its default; the README says for each what is known and why the default was chosen."""

    #: How long a job takes, in seconds: shortest and longest.
    job_seconds: tuple[float, float] = (1.0, 2.0)
    #: The free tier: the first two pages only, files of 4 MB, one request a second of each method.
    free_tier: bool = False
    #: The form of the reply about a result that is unknown or expired: recorded for a model, or reported by a user.
    unknown_result: Literal["wrapped", "flat"] = "wrapped"
    #: Where a file that cannot be read is found out: at the submission, as recorded, or by the job.
    bad_file: Literal["400", "failed-job"] = "400"
    #: Whether a result says which lines are paragraphs; a recorded one did not.
    has_paragraphs: bool = True
    #: The confidence of words: least and most. Each word always gets the same.
    word_confidence: tuple[float, float] = (0.976, 0.999)
    #: The region named in ``x-ms-region``.
    region: str = "East US"
