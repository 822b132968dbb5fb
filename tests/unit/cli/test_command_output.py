"""What the README shows of the commands is what they print."""

from docs.generate.command_output import PICTURES, pictures, section, section_in
from local.process import ROOT


def test_readme_shows_real_output() -> None:
    """If not: `python -m docs.generate.command_output README.md`."""
    assert section_in((ROOT / "README.md").read_text("utf-8")) == section()


def test_pictures_show_real_output() -> None:
    """They load nothing from anywhere."""
    made = pictures()
    assert {name: (PICTURES / name).read_text("utf-8") for name in made} == made
    assert not any("url(http" in svg or "<image" in svg for svg in made.values())
