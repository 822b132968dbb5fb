"""The README names tests and faults; what it names exists."""

import re
from pathlib import Path

from local.language_service.behaviour import Behaviour
from local.language_service.faults import JOB_FAULTS, REQUEST_FAULTS

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
README = (ROOT / "local" / "language_service" / "README.md").read_text(encoding="utf-8")


def test_every_named_test_exists() -> None:
    named = re.findall(r"`(?:(test_\w+\.py)|…)(?:::(test_\w+))?`", README)
    assert len(named) > 40
    file = ""
    for module, test in named:
        file = module or file
        source = (HERE / file).read_text(encoding="utf-8")
        assert not test or f"def {test}(" in source, f"{file}::{test}"


def test_switch_defaults_are_real() -> None:
    listed = dict(re.findall(r"^\| `--([\w-]+)` \| `?([\w.]+)`? \|", README, re.MULTILINE))
    for name in ("unknown_project", "unknown_job_status", "oversize_status", "max_request_bytes", "errors_page",
                 "entity_order", "updated_key", "preview_shape", "preview_poll_status", "preview_bad_parameter",
                 "partial_status"):  # fmt: skip
        assert listed[name.replace("_", "-")] == str(getattr(Behaviour(), name)), name


def test_every_fault_has_its_row() -> None:
    section = README.partition("\n## Faults\n")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `([\w-]+)` \| (.+) \|$", section, re.MULTILINE))
    assert rows == {**REQUEST_FAULTS, **JOB_FAULTS}
