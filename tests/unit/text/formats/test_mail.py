import struct

import pytest

from functions.errors import Warning
from functions.text.formats.compressed_rtf import unpack
from functions.text.formats.extraction import Limits, Output, Reason

from .compound_file import Tree, compound_file
from .hostile import MAIL
from .outlook import message, properties, texts
from .samples import extracted, places, refused, sample

LETTER = """\
From: Zoë Müller <zoe@example.com>
To: Jonas Lie <jonas@example.com>
Cc: a@example.com, b@example.com
Date: Mon, 12 May 2025 10:00:00 +0200
Subject: Réclamation 田中 du 12 mai

Dear Jonas,

Contoso Ltd. owes 5,000 euros.

"""
HEADERS = "From: a@example.com\nTo: b@example.com\n\n"


def test_mail_is_read_with_its_attachments() -> None:
    found = extracted(sample("mail.eml"))
    assert found.format == "eml"
    assert places(found) == [
        (LETTER, {}),
        (
            "From: Anna Berg <anna@example.com>\nTo: zoe@example.com\nSubject: Invoice\n\nThe invoice is attached.\n\n",
            {"part": "Invoice.eml"},
        ),
        ("item;amount\n", {"part": "Invoice.eml/invoice.csv", "row": 1}),
        ("Fee;5,000\n", {"part": "Invoice.eml/invoice.csv", "row": 2}),
        ("Interest;120\n\n", {"part": "Invoice.eml/invoice.csv", "row": 3}),
        ("Application of a customer\nName:\nCity:\nZoë Müller\nOslo\n", {"part": "förm.pdf", "page": 1}),
    ]
    assert found.warnings == (
        Warning("PartNotRead", "logo.png was left out (no text). It is a PNG picture, and has no text."),
    )


def multipart(kind: str, *parts: bytes) -> bytes:
    start = MAIL + b"Content-Type: multipart/%b; boundary=b\n\n" % kind.encode()
    return start + b"".join(b"--b\n%b\n" % part for part in parts) + b"--b--\n"


def test_richest_alternative_is_read() -> None:
    plain, page = b"\nplain", b"Content-Type: text/html\n\n<p>page</p>"
    invitation = b"Content-Type: text/calendar\n\nBEGIN:VCALENDAR"
    assert extracted(multipart("alternative", plain, page, invitation)).text == HEADERS + "page\n"
    assert extracted(multipart("alternative", plain, b"Content-Type: text/html\n\n ")).text == HEADERS + "plain\n"


def test_pictures_of_the_page_are_no_attachments() -> None:
    page = b"Content-Type: text/html\n\n<p>page<img src='cid:1'></p>"
    picture = b"Content-Type: image/png\nContent-ID: <1>\n\n\x89PNG"
    found = extracted(multipart("related", page, picture))
    assert (found.text, found.warnings) == (HEADERS + "page\n", ())


def test_flowed_lines_are_joined() -> None:
    body = b"Content-Type: text/plain; format=flowed\n\nDear \nJonas.\n> a \n> b\n>> c\n-- \nAnna\n"
    assert extracted(MAIL + body).text == HEADERS + "Dear Jonas.\n> a b\n>> c\n-- \nAnna\n"


@pytest.mark.parametrize("charset", ["iso-8859-2", "x-unknown", ""])
def test_charset_of_a_part_counts_if_it_is_known(charset: str) -> None:
    word = "Łódź, miasto w środku Polski, i żółta łódka".encode("iso-8859-2")
    declared = f"Content-Type: text/plain; charset={charset}\n\n".encode()
    assert extracted(MAIL + declared + word).text.startswith(HEADERS + ("Łódź" if charset == "iso-8859-2" else ""))


@pytest.mark.parametrize(
    ("header", "shown"),
    [
        (b"=?utf-8?q?Zo=C3=AB?= <z@example.com>", "Zoë <z@example.com>"),
        (b"=?utf-8?b?Wm/D?=\n =?utf-8?b?qw==?=", "Zoë"),
        (b"=?x-unknown?q?Zo=C3=AB?=", "Zoë"),
        ("Zoë".encode(), "Zoë"),
        ("Zoë".encode("cp1252"), "Zoë"),
        (b"long\n and folded", "long and folded"),
    ],
)
def test_headers_are_decoded(header: bytes, shown: str) -> None:
    text = extracted(MAIL + b"Subject: " + header + b"\n\nbody").text
    assert text.split("Subject: ")[1] in (f"{shown}\n\nbody\n", f"{shown}\n\nbody")


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Type: multipart/encrypted; boundary=b\n\n--b\n\nx\n--b--\n",
        b"Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\n\nx",
        b"Content-Type: application/pkcs7-mime; smime-type=signed-data\n\nx",
        b"Content-Type: text/plain\n\n-----BEGIN PGP MESSAGE-----\n\nx",
    ],
)
def test_encrypted_mail_is_protected(body: bytes) -> None:
    assert refused(MAIL + body).reason is Reason.PROTECTED


def test_clear_signed_mail_is_read() -> None:
    signature = b"Content-Type: application/pkcs7-signature; name=smime.p7s\n\nx"
    found = extracted(multipart("signed", b"\nsigned text", signature))
    assert (found.text, found.warnings) == (HEADERS + "signed text\n", ())


def test_attachment_that_cannot_be_read_is_named() -> None:
    broken = b"Content-Type: application/pdf; name=a.pdf\n\n%PDF-1.7 broken"
    found = extracted(multipart("mixed", b"\nbody", broken))
    assert found.text == HEADERS + "body\n"
    assert found.warnings[0].message.startswith("a.pdf was left out (damaged)")


def test_long_headers_are_refused() -> None:
    assert extracted(MAIL + b"Subject: " + b"x" * 90 + b"\n\nx", header_bytes=100).text
    assert refused(MAIL + b"Subject: " + b"x" * 101 + b"\n\nx", header_bytes=100).limit == "header_bytes"


# --- Outlook ---


OUTLOOK = "From: Zoë Müller <zoe@example.com>\nTo: Jonas Lie\nDate: 2025-05-12 08:00:00 UTC\nSubject: Invoice\n\n"


def test_outlook_mail_is_read() -> None:
    found = extracted(compound_file(message(**texts(p1000="Dear Jonas\r\nbye"))))
    assert (found.format, found.text) == ("msg", OUTLOOK + "Dear Jonas\nbye\n")


def test_page_of_outlook_mail_is_preferred() -> None:
    page = {"__substg1.0_10130102": "<html><p>Zoë</p></html>".encode("cp1252")}
    assert extracted(compound_file(message(**texts(p1000="plain"), **page))).text == OUTLOOK + "Zoë\n"


def test_text_in_an_old_code_page_is_read() -> None:
    streams = {
        "__properties_version1.0": properties(32, p3FFD=struct.pack("<Q", 1251)),
        "__substg1.0_1000001E": "Привет".encode("cp1251"),
    }
    assert extracted(compound_file(streams)).text == "Привет\n"


def packed_rtf(rtf: bytes) -> bytes:
    """Return RTF in the compressed form, literally: a control byte of zeros before each eight bytes."""
    body = b"".join(b"\0" + rtf[place : place + 8] for place in range(0, len(rtf), 8))
    return struct.pack("<IIII", len(body) + 12, len(rtf), 0x75465A4C, 0) + body


def test_outlook_mail_with_rtf_only_is_read() -> None:
    rtf = rb"{\rtf1\ansi\ansicpg1252\fromhtml1 {\*\htmltag64 <p>}Zo\'eb\par}   "
    streams = {"__substg1.0_10090102": packed_rtf(rtf)}
    assert extracted(compound_file(message(**streams))).text.rstrip() == OUTLOOK + "Zoë"


def test_compressed_rtf_refers_to_what_came_before() -> None:
    """The example of MS-OXRTFCP, 3.1.1."""
    data = bytes.fromhex(
        "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
    )
    output = Output(limits=Limits())
    assert unpack(data, output) == b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"


def test_attachments_of_outlook_mail_are_parts() -> None:
    attached: Tree = {
        "__properties_version1.0": properties(8),
        **texts(p3707="note.txt"),
        "__substg1.0_37010102": b"text of the note",
    }
    logo: Tree = {
        "__properties_version1.0": properties(8, p7FFE=b"\1"),
        **texts(p3707="logo.png"),
        "__substg1.0_37010102": b"\x89PNG",
    }
    inner = {"__properties_version1.0": properties(24), **texts(p0037="Before", p1000="first mail")}
    embedded: Tree = {
        "__properties_version1.0": properties(8),
        **texts(p3001="Before"),
        "__substg1.0_3701000D": inner,
    }
    found = extracted(
        compound_file(
            message(
                **texts(p1000="body"),
                **{
                    "__attach_version1.0_#00000000": attached,
                    "__attach_version1.0_#00000001": embedded,
                    "__attach_version1.0_#00000002": logo,
                },
            )
        )
    )
    assert found.warnings == ()
    assert places(found) == [
        (OUTLOOK + "body\n\n", {}),
        ("text of the note\n\n", {"part": "note.txt"}),
        ("Subject: Before\n\nfirst mail\n", {"part": "Before"}),
    ]


def test_encrypted_outlook_mail_is_protected() -> None:
    assert refused(compound_file(message(**texts(p001A="IPM.Note.SMIME")))).reason is Reason.PROTECTED


@pytest.mark.parametrize(
    ("stream", "reason"), [("WordDocument", Reason.OLD_FORMAT), ("EncryptedPackage", Reason.PROTECTED)]
)
def test_other_compound_files_say_what_they_are(stream: str, reason: Reason) -> None:
    assert refused(compound_file({stream: b"x"})).reason is reason


@pytest.mark.parametrize("size", [8, 600, 3_000])
def test_cut_off_compound_file_is_damaged(size: int) -> None:
    data = compound_file(message(**texts(p1000="body" * 500)))
    assert refused(data[:size]).reason in (Reason.DAMAGED, Reason.UNKNOWN_FORMAT, Reason.NO_TEXT)


@pytest.mark.parametrize("stream", ["__substg1.0_1000001F", "Root Entry", "table of small streams"])
def test_circle_of_sectors_is_damaged(stream: str) -> None:
    """A stream that is announced with four gigabytes, in a chain of sectors that never ends."""
    data = bytearray(compound_file(message(**texts(p0037="Invoice", p1000="body"))))
    if stream == "table of small streams":
        start_at, count_at, announced = 60, 64, struct.pack("<I", 0x7FFFFF)
    else:
        entry = data.index(stream.encode("utf-16-le"))
        start_at, count_at, announced = entry + 116, entry + 120, struct.pack("<Q", 0xFFFFFFF0)
    start = struct.unpack_from("<I", data, start_at)[0]
    data[count_at : count_at + len(announced)] = announced
    table = 512 * (1 + struct.unpack_from("<I", data, 76)[0])
    struct.pack_into("<I", data, table + 4 * start, start)
    assert refused(bytes(data)).reason is Reason.DAMAGED
