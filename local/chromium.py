"""The browser of the browser tests and the screenshots: found where it is, else installed where that is possible.

`python -m local.chromium` is the last step of the set-up. It needs what requirements-dev.txt names.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge", "chrome", "msedge")
ELSEWHERE = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe",
)
MISSING = (
    "No Chromium was found. Install Chromium or Chrome (on Debian: apt-get install chromium), or run "
    "`python -m playwright install chromium`, or set CHROMIUM to the path of one."
)
ARGUMENTS = (
    # In a container one is often root, for whom Chromium's own sandbox does not start; only our own pages are opened.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find() -> str | None:
    """Return the path of a Chromium that is there: the one of CHROMIUM, one on the PATH, else Playwright's own."""
    chosen = os.environ.get("CHROMIUM")
    if chosen:
        return chosen if Path(chosen).is_file() else None
    known = (*filter(None, map(shutil.which, NAMES)), *(path for path in ELSEWHERE if Path(path).is_file()))
    return next(iter(known), None) or _of_playwright()


def ensure() -> str | None:
    """Return a Chromium; install one where none is there and it can be. None where neither is possible."""
    return find() or _download() or _from_debian()


def _of_playwright() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).is_file() else None


def _download() -> str | None:
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False, capture_output=True)
    return _of_playwright()


def _from_debian() -> str | None:
    # Only in a system of one's own, such as a container: nobody else's is changed.
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("apt-get"):
        return None
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "chromium"]):
        subprocess.run(
            command, check=False, capture_output=True, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        )
    return find()


def main() -> int:
    """Say where the browser is, or what to do."""
    path = ensure()
    if path is None:
        print(f"{MISSING} Without it the browser tests fail; all else works.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
