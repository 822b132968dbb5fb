"""What is told of files that have no text for the app: exactly what they are, and what to do."""

import pytest

from functions.text.formats.extraction import Reason

from .compound_file import compound_file
from .hostile import MAIL
from .outlook import message, texts
from .samples import extracted, refused, sample

_MAIL = "Only whoever has the key can read it. Save the mail without encryption and drop it again."
_SAVE = "Save it without one and drop it again."

SAMPLES = {
    "protected.docx": (Reason.PROTECTED, f"It is an Office document with a password. {_SAVE}"),
    "protected.pptx": (Reason.PROTECTED, f"It is an Office document with a password. {_SAVE}"),
    "protected.xlsx": (Reason.PROTECTED, f"It is an Office document with a password. {_SAVE}"),
    "protected.xls": (Reason.PROTECTED, f"It is an Excel workbook with a password. {_SAVE}"),
    "protected.odt": (Reason.PROTECTED, f"It is an OpenDocument file with a password. {_SAVE}"),
    "protected.ods": (Reason.PROTECTED, f"It is an OpenDocument file with a password. {_SAVE}"),
    "password.pdf": (Reason.PROTECTED, f"It is a pdf with a password. {_SAVE}"),
    "old.doc": (Reason.OLD_FORMAT, "It is an old Word document (doc). Save it as docx and drop it again."),
    "scanned.pdf": (Reason.NO_TEXT, "Its pages are pictures without text: 1 of 1."),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_report_of_sample_is_exact(name: str) -> None:
    error = refused(sample(name))
    assert (error.reason, error.detail) == SAMPLES[name]


@pytest.mark.parametrize(
    ("data", "reason", "detail"),
    [
        (
            compound_file({"PowerPoint Document": b"x"}),
            Reason.OLD_FORMAT,
            "It is an old PowerPoint presentation (ppt). Save it as pptx and drop it again.",
        ),
        (
            compound_file(message(**texts(p001A="IPM.Note.SMIME"))),
            Reason.PROTECTED,
            "The mail is encrypted or signed in a closed form. Save it without encryption and drop it again.",
        ),
        (
            MAIL + b"Content-Type: application/pkcs7-mime; smime-type=enveloped-data\n\nAAAA\n",
            Reason.PROTECTED,
            f"The mail is encrypted or signed in a closed form. {_MAIL}",
        ),
        (
            MAIL + b"Content-Type: application/pkcs7-mime; smime-type=signed-data\n\nAAAA\n",
            Reason.PROTECTED,
            f"The mail is encrypted or signed in a closed form. {_MAIL}",
        ),
        (
            MAIL + b"Content-Type: multipart/encrypted; boundary=b\n\n--b\n\nx\n--b--\n",
            Reason.PROTECTED,
            f"The mail is encrypted. {_MAIL}",
        ),
        (
            MAIL + b"\n-----BEGIN PGP MESSAGE-----\n\nabcd\n-----END PGP MESSAGE-----\n",
            Reason.PROTECTED,
            f"The mail is encrypted (PGP). {_MAIL}",
        ),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), Reason.NO_TEXT, "It is a PNG picture, and has no text."),
        (b"\xff\xd8\xff\xe0" + bytes(50), Reason.NO_TEXT, "It is a JPEG picture, and has no text."),
        (b"II*\0" + bytes(50), Reason.NO_TEXT, "It is a TIFF picture, and has no text."),
        (b"ID3\x03" + bytes(50), Reason.NO_TEXT, "It is an MP3 recording, and has no text."),
        (b"RIFF\0\0\0\0WAVE" + bytes(50), Reason.NO_TEXT, "It is a WAVE recording, and has no text."),
        (b"\0\0\0\x18ftypmp42" + bytes(50), Reason.NO_TEXT, "It is an MPEG-4 recording, and has no text."),
    ],
    ids=["ppt", "closed Outlook mail", "encrypted mail", "opaque-signed mail", "PGP/MIME mail", "PGP in mail", "PNG",
         "JPEG", "TIFF", "MP3", "WAVE", "MPEG-4"],
)  # fmt: skip
def test_report_is_exact(data: bytes, reason: Reason, detail: str) -> None:
    error = refused(data)
    assert (error.reason, error.detail) == (reason, detail)


def test_clear_signed_mail_has_its_text() -> None:
    """In both forms, S/MIME and PGP."""
    signed = b"Content-Type: multipart/signed; boundary=b\n\n--b\nContent-Type: text/plain\n\nhello\n--b\n"
    signature = b"Content-Type: application/pkcs7-signature; name=smime.p7s\n\nAAAA\n--b--\n"
    assert extracted(MAIL + signed + signature).text.endswith("\n\nhello\n")
    pgp = b"\n-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nhello\n-----BEGIN PGP SIGNATURE-----\n\nabcd\n"
    assert "\nhello\n" in extracted(MAIL + pgp + b"-----END PGP SIGNATURE-----\n").text
