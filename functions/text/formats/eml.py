"""Mail as it is sent (RFC 5322, MIME): the headers that people see, the body, then each attachment as a part.

Of alternatives the richest that is read is taken, as mail programs do. Signatures are not checked; what they sign is
read. The library's newer header classes need time that grows with the square of a header, so the raw values are decoded
here.
"""

import re
from collections.abc import Iterator
from email.message import Message
from typing import NamedTuple

from ... import problems
from .extraction import NotExtractable, Output, Reason, over_limit
from .html import write_page
from .plain import decoded

_SHOWN_HEADERS = ("From", "To", "Cc", "Date", "Subject")
_BOUNDARY = re.compile(rb"""boundary\s*=\s*(?:"([^"\r\n]{1,200})"|([^\s";]{1,200}))""", re.IGNORECASE)
_BOUNDARY_LINE = re.compile(rb"^--([^\r\n]{1,202})", re.MULTILINE)
_ENCRYPTED = "Only whoever has the key can read it. Save the mail without encryption and drop it again."
_PGP = b"-----BEGIN PGP MESSAGE-----"


class _Attachment(NamedTuple):
    name: str
    data: bytes


def extract(data: bytes, output: Output) -> None:
    """Write headers, body, and attachments."""
    from email import message_from_bytes

    _refuse_many_parts(data, output)
    try:
        message = message_from_bytes(data)
    except (MemoryError, RecursionError):
        raise
    except Exception as error:  # The library has no error of its own for what it does not expect.
        raise NotExtractable(Reason.DAMAGED, f"The mail cannot be read: {error}.") from error
    _refuse_long_headers(message, output)
    output.place()
    write_headers(
        [(name, _decoded_header(value)) for name in _SHOWN_HEADERS for value in _values(message, name)], output
    )
    attachments: list[_Attachment] = []
    _write_body(message, output, attachments, 0)
    if output.nested:
        for attachment in attachments:
            output.nested(attachment.name, attachment.data, output)


def write_headers(headers: list[tuple[str, str]], output: Output) -> None:
    """Write the headers that have a value, and an empty line."""
    lines = [f"{name}: {value}\n" for name, value in headers if value]
    if lines:
        output.write("".join(lines) + "\n")


def _refuse_many_parts(data: bytes, output: Output) -> None:
    """Count the parts before they are parsed."""
    boundaries = {quoted or plain for quoted, plain in _BOUNDARY.findall(data)}
    if boundaries:
        lines = sum(line.rstrip(b" \t") in boundaries for line in _BOUNDARY_LINE.findall(data))
        if lines > output.limits.entries:
            raise over_limit("entries", output.limits.entries)


def _refuse_long_headers(message: Message, output: Output) -> None:
    for part in message.walk():
        if any(len(value) > output.limits.header_bytes for _, value in part.raw_items()):
            raise over_limit("header_bytes", output.limits.header_bytes)


# --- headers ---


def _values(message: Message, name: str) -> Iterator[str]:
    return (str(value) for each, value in message.raw_items() if each.lower() == name.lower())


def _decoded_header(value: str) -> str:
    """Return a header as people read it: unfolded, its encoded words decoded."""
    from email.errors import HeaderParseError
    from email.header import decode_header

    unfolded = re.sub(r"\r?\n[ \t]*", " ", value)
    try:
        words = decode_header(unfolded)
    except (HeaderParseError, ValueError):
        words = [(unfolded, None)]
    text = "".join(_decoded_word(word, charset) for word, charset in words)
    return " ".join(text.split())


def _decoded_word(word: str | bytes, charset: str | None) -> str:
    data = word.encode("ascii", "surrogateescape") if isinstance(word, str) and _is_raw(word) else word
    if isinstance(data, str):
        return data
    for encoding in (charset or "utf-8", "utf-8", "cp1252"):
        try:
            return data.decode(encoding)
        except (LookupError, ValueError):
            continue
    return data.decode("latin-1")


def _is_raw(word: str) -> bool:
    """Whether a header has bytes beyond ASCII as they came."""
    return word.isascii() is False and all(each < "\x80" or "\udc80" <= each <= "\udcff" for each in word)


# --- body ---


def _write_body(part: Message, output: Output, attachments: list[_Attachment], depth: int) -> None:
    """Write what is shown of a part, and collect what is attached to it."""
    if depth > output.limits.nesting:
        raise over_limit("nesting", output.limits.nesting)
    kind = part.get_content_type()
    children = _children(part)
    if kind == "message/rfc822" and children:
        attachments.append(_forwarded(children[0], output))
    elif children:
        if kind == "multipart/encrypted":
            raise NotExtractable(Reason.PROTECTED, f"The mail is encrypted. {_ENCRYPTED}")
        for child in _shown_children(kind, children):
            _write_body(child, output, attachments, depth + 1)
    else:
        _write_leaf(part, kind, output, attachments, depth)


def _children(part: Message) -> list[Message]:
    payload = part.get_payload() if part.is_multipart() else None
    return [each for each in payload if isinstance(each, Message)] if isinstance(payload, list) else []


def _shown_children(kind: str, children: list[Message]) -> list[Message]:
    if kind == "multipart/alternative":
        shown = [each for each in children if _is_readable(each)]
        return shown[-1:] or children[:1]
    if kind == "multipart/signed":
        return children[:1]
    return children


def _is_readable(alternative: Message) -> bool:
    kind = alternative.get_content_type()
    if kind == "multipart/related":
        children = _children(alternative)
        return bool(children) and _is_readable(children[0])
    if kind in ("text/html", "text/plain"):
        return bool(_content(alternative).strip())
    return kind in ("multipart/mixed", "multipart/alternative")


def _write_leaf(part: Message, kind: str, output: Output, attachments: list[_Attachment], depth: int) -> None:
    output.count_entries()
    content = _content(part)
    output.count_unpacked(len(content))
    name = _name(part)
    disposition = (part.get_content_disposition() or "").lower()
    if kind in ("application/pkcs7-mime", "application/x-pkcs7-mime"):
        if depth == 0 or not name:
            raise NotExtractable(Reason.PROTECTED, f"The mail is encrypted or signed in a closed form. {_ENCRYPTED}")
        output.warn(problems.PART_NOT_READ.warning(part=name, reason=Reason.PROTECTED, detail="It is encrypted."))
    elif kind in ("text/plain", "text/html") and disposition != "attachment" and not name:
        if content.lstrip().startswith(_PGP):
            raise NotExtractable(Reason.PROTECTED, f"The mail is encrypted (PGP). {_ENCRYPTED}")
        _write_text(part, kind, content, output)
    elif kind.startswith("image/") and (part.get("Content-ID") or disposition == "inline"):
        return  # It belongs to the page: a logo, a picture in a signature.
    elif content.strip():
        if kind.startswith("text/"):
            content = _in_utf8(part, content)
        attachments.append(_Attachment(name or f"part {len(attachments) + 1}", content))


def _write_text(part: Message, kind: str, content: bytes, output: Output) -> None:
    if not content.strip():
        return
    try:
        text = decoded(content, output, _charset(part))
    except NotExtractable as error:
        output.warn(problems.PART_NOT_READ.warning(part="A part of the body", reason=error.reason, detail=error.detail))
        return
    if kind == "text/html":
        write_page(text, output)
        return
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if (part.get_param("format") or "") == "flowed":
        text = _unflowed(text, deletes_space=part.get_param("delsp") == "yes")
    output.write(text.rstrip() + "\n")


_QUOTED = re.compile(r"(>*) ?(.*)", re.DOTALL)


def _unflowed(text: str, deletes_space: bool) -> str:
    """Join the lines of paragraphs (RFC 3676, 4.1 and 4.2)."""
    lines: list[str] = []
    depth_before, flows = "", False
    for line in text.split("\n"):
        depth, content = _QUOTED.match(line).groups()  # type: ignore[union-attr]  # it matches everything
        if flows and depth == depth_before and content != "-- ":
            lines[-1] += content
        else:
            lines.append(f"{depth} {content}" if depth else content)
        flows = content.endswith(" ") and content != "-- "
        if flows and deletes_space:
            lines[-1] = lines[-1][:-1]
        depth_before = depth
    return "\n".join(lines)


def _content(part: Message) -> bytes:
    try:
        content = part.get_payload(decode=True)
    except (ValueError, LookupError):
        return b""
    return content if isinstance(content, bytes) else b""


def _charset(part: Message) -> str:
    try:
        charset = part.get_content_charset() or ""
    except (ValueError, LookupError):
        return ""
    return charset if charset.isascii() else ""


def _in_utf8(part: Message, content: bytes) -> bytes:
    """Return attached text in an encoding that needs no declaration, where the part declares one that fits."""
    charset = _charset(part)
    try:
        return content.decode(charset).encode() if charset else content
    except (LookupError, ValueError):
        return content


def _name(part: Message) -> str:
    try:
        name = part.get_filename() or ""
    except (ValueError, LookupError, TypeError):
        return ""
    return _decoded_header(name)[:200]


def _forwarded(message: Message, output: Output) -> _Attachment:
    output.count_entries()
    subject = next((_decoded_header(value) for value in _values(message, "Subject")), "")
    try:
        data = message.as_bytes()
    except (ValueError, LookupError, TypeError, AttributeError):
        data = b""
    output.count_unpacked(len(data))
    return _Attachment(f"{subject[:100] or 'message'}.eml", data)
