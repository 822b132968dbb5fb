"""What the demo prints."""

import io
from typing import Any

from rich.console import Console

from functions.cli.terminal import plain
from local.demo import view
from local.demo.view import Row


def printed(shown: Any) -> str:
    console = Console(file=io.StringIO(), width=100, highlight=False)
    console.print(shown)
    return console.file.getvalue()  # type: ignore[attr-defined]


def row(content: dict[str, Any] | None, name: str = "a.txt", seconds: float | None = 1.0) -> Row:
    return Row(name, 10, 0.0, "etag", seconds=seconds, content=content)


def result(*entities: tuple[str, str, float], warnings: int = 0) -> dict[str, Any]:
    return {
        "document": {"characters": 1234, "encoding": "utf-8"},
        "entities": [
            {"category": category, "text": text, "confidenceScore": score} for category, text, score in entities
        ],
        "warnings": [{"code": "W", "message": f"warning {number}"} for number in range(1, warnings + 1)],
    }


def test_entities_are_shown() -> None:
    shown = printed(view.entities(row(result(("LoanAmount", "£8,500", 0.985), ("LoanNumber", "HMB-1", 1)))))
    assert shown.splitlines()[:3] == [
        "a.txt  1,234 characters · utf-8 · 1.0 s",
        "  LoanAmount  £8,500  0.98",
        "  LoanNumber  HMB-1   1.00",
    ]


def test_control_sequences_are_escaped() -> None:
    """Markup and terminal commands in names and entities are shown, not obeyed."""
    content = result(("[red]Cat[/red]", "[bold]Jane\x1b[2J\u202e[/bold]\a", 0.5))
    shown = printed(view.entities(row(content, name="[link=x]\x1b]0;title\a.txt")))
    assert "[red]Cat[/red]" in shown
    assert "[bold]Jane\ufffd[2J\ufffd[/bold]\ufffd" in shown
    assert "[link=x]\ufffd]0;title\ufffd.txt" in shown
    assert "\x1b" not in shown


def test_combined_characters_are_kept() -> None:
    text = "Zoe\u0308 👩🏽\u200d🎓 Ελένη\u00a0Παπαδοπούλου"
    assert plain(text).plain == text


def test_error_report_shows_help() -> None:
    content = {"document": {}, "error": {"code": "TooLarge", "message": "It has 9 bytes.", "help": "Split it."}}
    shown = printed(view.entities(row(content)))
    assert "TooLarge: It has 9 bytes." in shown
    assert "Split it." in shown


def test_many_warnings_are_shortened() -> None:
    shown = printed(view.entities(row(result(warnings=5))))
    assert "warning 3" in shown
    assert "warning 4" not in shown
    assert "and 2 more warnings in the result file" in shown
    assert "no entities" in shown


def test_progress_shows_state_and_time() -> None:
    waiting, working = row(None, "w.txt", None), row(None, "j.txt", None)
    working.state = "in a job"
    done = row(result(("A", "x", 1)), "d.txt", 3.21)
    failed = row({"error": {"code": "NotText"}}, "f.txt", 0.5)
    lines = [
        " ".join(line.split()) for line in printed(view.progress([waiting, working, done, failed], 7.0)).splitlines()
    ]
    assert "w.txt 10 waiting 7.0" in lines
    assert "j.txt 10 in a job 7.0" in lines
    assert "d.txt 10 1 entity 3.2" in lines
    assert "f.txt 10 error: NotText 0.5" in lines
    assert "2 of 4 done" in lines
