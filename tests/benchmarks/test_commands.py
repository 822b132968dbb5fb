"""What the README says of the commands' times is what the page of all figures says."""

from .commands import BEGIN, END, IN_MEMORY, PAGE, README, Figure, figures_in, page, summary, with_summary
from .test_bench import MACHINE

FIGURES = (
    Figure("status --json", 200, 1, 1.0, 50.0),
    Figure("list --json --state failed", 200, 10, 2.5, 51.0),
    Figure("list --json --state failed --scan", 200, 10, 3.5, 52.0),
    *(Figure(f"export .{form}", 200, 2_000, 0.5, 60.0) for form in ("csv", "jsonl", "parquet")),
    *(
        Figure(what + IN_MEMORY, documents, documents, documents / 1_000, 1.2)
        for documents in (1_000, 10_000)
        for what in ("list", "status", "export .csv")
    ),
)


def test_page_keeps_figures() -> None:
    assert figures_in(page(FIGURES, MACHINE)) == FIGURES


def test_summary_tells_figures() -> None:
    told = summary(page(FIGURES, MACHINE))
    for part in (
        "With 200 documents in the emulator, 10 of them failed, `status` takes 1.0 s",
        "`list --state failed` 2.5 s, in 51 MB (with `--scan` 3.5 s, in 52 MB)",
        "`export` writes 4,000 entities a second as CSV",
        "In memory, `list` takes 10.0 times as long with 10,000 documents as with 1,000 (1.2 MB, and 1.2 MB)",
    ):
        assert part in told


def test_readme_takes_summary_between_markers() -> None:
    """Nothing else of it changes, and a second time nothing at all."""
    readme, text = README.read_text("utf-8"), page(FIGURES, MACHINE)
    assert readme.count(BEGIN) == readme.count(END) == 1
    changed = with_summary(readme, text)
    assert with_summary(changed, text) == changed
    before, _, rest = changed.partition(BEGIN)
    assert rest.partition(END)[0].strip() == summary(text).strip()
    assert readme.startswith(before)
    assert readme.endswith(rest.partition(END)[2])


def test_readme_is_current() -> None:
    readme = README.read_text("utf-8")
    assert with_summary(readme, PAGE.read_text("utf-8")) == readme
