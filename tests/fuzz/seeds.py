"""What fuzzing begins with: the small files of tests/data/formats, and some that are written here."""

from functions.text.formats.extraction import Limits, NotExtractable, Output
from functions.text.formats.extractors import exact_format
from tests.benchmarks.flips import samples
from tests.unit.text.formats.compound_file import compound_file
from tests.unit.text.formats.outlook import message, properties, texts

_LETTER = "Dear Zoë,\n\nContoso Ltd. owes 5,000 €.\n\n# Heading\n\nbye\n"
_ATTACHED = {
    "__properties_version1.0": properties(8),
    **texts(p3707="note.html"),
    "__substg1.0_37010102": b"<html><p>note</p></html>",
}
_EMBEDDED = {
    "__properties_version1.0": properties(8),
    **texts(p3001="Before"),
    "__substg1.0_3701000D": {"__properties_version1.0": properties(24), **texts(p0037="Before", p1000="first mail")},
}

_WRITTEN: dict[str, list[bytes]] = {
    "plain": [
        _LETTER.encode(),
        _LETTER.encode("utf-16"),
        _LETTER.encode("cp1252"),
        "В договоре 5000 рублей".encode("cp1251"),
    ],
    "md": [_LETTER.encode(), b"# a\n\n```\n# no heading\n```\n\nb\n===\n\nc\n---\n## d ##\n"],
    "csv": [b'name,loan\n"M\xc3\xbcller, Zo\xc3\xab","5,000\n\xe2\x82\xac"\nJonas,1\n', b"a;b;c\n1;2;3\n4;5;6\n"],
    "tsv": [b"name\tloan\nZoe\t5,000\nJonas\t1\n"],
    "json": [b'{"name": "Zo\\u00eb \\ud83d\\ude00", "loans": [5000.10, {"no": "A-1"}, null, true], "": "x\\ny"}'],
    "jsonl": [b'{"name": "Zoe", "loan": 5000}\n{"name": "Jonas", "loans": [1, 2]}\n\n{"a": {"b": "c"}}\n'],
    "xml": [
        b"<?xml version='1.0' encoding='utf-8'?><a b='c'><p>Zo\xc3\xab <b>M.</b> &amp; &#233;</p><![CDATA[x]]></a>",
        b"<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>",
    ],
    "msg": [
        compound_file(message(**texts(p1000="Dear Jonas\r\nbye"))),
        compound_file(
            message(
                **{
                    "__substg1.0_10130102": b"<html><p>page</p></html>",
                    "__attach_version1.0_#00000000": _ATTACHED,
                    "__attach_version1.0_#00000001": _EMBEDDED,
                }
            )
        ),
        compound_file(
            message(
                **{
                    "__substg1.0_10090102": bytes.fromhex(
                        "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a80"
                        "0fa0"
                    )
                }
            )
        ),
    ],
}


def seeds(name: str) -> list[bytes]:
    """Return small files of a format; of all formats for `any`."""
    found = [each for kind, files in _WRITTEN.items() if name in (kind, "any") for each in files]
    for path in samples():
        data = path.read_bytes()
        if name in (_format_of(data), "any"):
            found.append(data)
    return found


def _format_of(data: bytes) -> str | None:
    try:
        return exact_format(data, Output(limits=Limits()))
    except NotExtractable:
        return None
