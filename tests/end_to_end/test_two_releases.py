"""The last release and this one on the same storage, in small: see `two_releases`."""

import pytest

from tests.end_to_end.two_releases import LAST_RELEASE, ROUNDS, has_last_release, run

pytestmark = [
    pytest.mark.long,
    pytest.mark.processes,
    pytest.mark.skipif(not has_last_release(), reason=f"the history here does not reach back to {LAST_RELEASE}"),
]


@pytest.mark.timeout(600)
def test_two_releases_share_a_burst_in_both_directions() -> None:
    """Each finishes what the other has begun, and both work at once: nothing is lost, reported or billed again."""
    reports = run(24, gently=True)
    assert [report.round for report in reports] == list(ROUNDS)
    assert [report.wrong for report in reports] == [[], [], []], "\n".join(map(str, reports))
    assert [report.billed_again for report in reports] == [0, 0, 0]
