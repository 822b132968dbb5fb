"""PowerPoint presentations: the slides that are shown, in their order.

Of each slide: its shapes in the order of the file, what its layout and master show beside placeholders (once each),
footers that are new, comments, and notes.
"""

from collections.abc import Iterable

from .drawings import DrawingReader, Shape
from .extraction import Output
from .ooxml import OfficeReader, Package, is_on
from .xml_reader import Attributes

_FOOTERS = frozenset(("ftr", "hdr"))
_NEVER = frozenset(("sldNum", "dt"))
"""Placeholders of numbers and dates, which are those of the day when the file was saved."""


def extract(data: bytes, output: Output) -> None:
    """Write the text of the slides, each as a place."""
    presentation = _Presentation(Package(data, output), output)
    for number, part in presentation.slides():
        presentation.write_slide(number, part)


class _Presentation:
    def __init__(self, package: Package, output: Output) -> None:
        self._package = package
        self._output = output
        self._main = package.main()
        self._read: set[str] = set()
        """Layouts and masters."""
        self._footers: set[str] = set()

    def slides(self) -> Iterable[tuple[int, str]]:
        """Return the number and the part of each slide, hidden ones too."""
        reader = _SlideList()
        self._package.read(self._main, reader)
        relationships = self._package.relationships(self._main)
        for number, relationship in enumerate(reader.relationships, start=1):
            found = relationships.get(relationship)
            if found and found.target in self._package:
                yield number, found.target

    def write_slide(self, number: int, part: str) -> None:
        self._output.count_pages()
        reader = _SlideReader(self._package, part, self._left())
        self._package.read(part, reader)
        if not reader.shown:
            return
        lines = reader.lines + self._of_layout(part) + self._new_footers(reader.footers)
        for comments in self._package.related(part, "comments"):
            lines += self._comments(comments)
        for notes in self._package.related(part, "notesSlide"):
            lines += self._notes(notes)
        if lines:
            self._output.place(slide=number)
            self._output.write("".join(f"{line}\n" for line in lines) + "\n")

    def _left(self) -> int:
        return self._output.limits.characters - self._output.length

    def _of_layout(self, slide: str) -> list[str]:
        """Return what the layout and the master of a slide show by themselves."""
        lines: list[str] = []
        for layout in self._package.related(slide, "slideLayout"):
            for part in (layout, *self._package.related(layout, "slideMaster")):
                if part not in self._read:
                    self._read.add(part)
                    reader = _SlideReader(self._package, part, self._left(), of_layout=True)
                    self._package.read_if_there(part, reader)
                    lines += reader.lines
        return lines

    def _new_footers(self, footers: list[str]) -> list[str]:
        new = [each for each in dict.fromkeys(footers) if each not in self._footers]
        self._footers.update(new)
        return new

    def _comments(self, part: str) -> list[str]:
        reader = _CommentReader(self._package, self._left())
        self._package.read_if_there(part, reader)
        return reader.lines

    def _notes(self, part: str) -> list[str]:
        reader = _NotesReader(self._package, part, self._left())
        self._package.read_if_there(part, reader)
        return reader.lines


class _SlideList(OfficeReader):
    def __init__(self) -> None:
        super().__init__()
        self.relationships: list[str] = []
        self.starts["p:sldId"] = lambda found: self.relationships.append(found.get("r:id", ""))


class _SlideReader(DrawingReader):
    def __init__(self, package: Package, part: str, characters: int, *, of_layout: bool = False) -> None:
        super().__init__(package, part, characters)
        self.shown = True
        self.footers: list[str] = []
        self._of_layout = of_layout
        self.starts["p:sld"] = self._start_slide

    def keeps(self, shape: Shape) -> bool:
        if shape.hidden or shape.placeholder in _NEVER:
            return False
        if self._of_layout:
            return shape.placeholder is None
        if shape.placeholder in _FOOTERS:
            self.footers += shape.lines
            return False
        return True

    def _start_slide(self, attributes: Attributes) -> None:
        self.shown = is_on(attributes, "show")


class _NotesReader(DrawingReader):
    def keeps(self, shape: Shape) -> bool:
        """Keep the notes; beside them are the picture of the slide, its number, and headers."""
        return not shape.hidden and shape.placeholder in (None, "body")


class _CommentReader(DrawingReader):
    """Reads comments of both kinds: older ones have their text in one element, newer ones in paragraphs."""

    def __init__(self, package: Package, characters: int) -> None:
        super().__init__(package, "", characters)
        self.starts["p188:txBody"] = self._start_body
        self.starts["p:text"] = self._start_comment
        self.ends["p:text"] = self._end_comment

    def _start_comment(self, attributes: Attributes) -> None:
        self._start_paragraph(attributes)
        self._text_follows(True)

    def _end_comment(self) -> None:
        self._text_follows(False)
        self._end_paragraph()
