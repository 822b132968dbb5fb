import pytest

from functions.web.page_headers import api_headers, page_headers


def test_page_runs_no_inline_script() -> None:
    policy = page_headers("https://store.blob.core.windows.net")["Content-Security-Policy"]
    assert policy == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self' https://store.blob.core.windows.net; form-action 'none'; base-uri 'none'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


def test_data_is_never_cached() -> None:
    assert api_headers()["Cache-Control"] == "no-store"
    assert page_headers(None)["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    "origin", ["", "blob", "ftp://a", "https://", "https://a b", "https://a;script-src *", "https://a/path"]
)
def test_policy_takes_origins_only(origin: str) -> None:
    with pytest.raises(ValueError, match="is no origin"):
        page_headers(origin)
