"""Names that the service takes: of training documents and of categories ("Service limits", read 2026-08).

A document's name depends on its own name alone, so that it is the same each time, whatever other documents there are.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable

from .checking import FORBIDDEN_IN_CATEGORY, MAX_NAME_CHARACTERS

_PLAIN = re.compile(r"[A-Za-z0-9]+\.txt")
LONGEST_STEM = 60
"""Letters and digits of a document's own name that stay in its training name; the limit of the service is not known."""
DIGEST_DIGITS = 10


def training_name(name: str, version: str = "") -> str:
    """Return the name of a document in the training container: letters and digits, and `.txt`.

    A name that has to be changed gets digits of its digest, so that no two documents share one. With a `version`, such
    as the document's text, every name is changed: two versions never share one.
    """
    if _PLAIN.fullmatch(name) and len(name) <= LONGEST_STEM + len(".txt") and not version:
        return name
    digest = hashlib.sha256(f"{name}\0{version}".encode("utf-8", "surrogatepass")).hexdigest()[:DIGEST_DIGITS]
    return f"{version_prefix(name)}{digest}.txt"


def is_version_of(training: str, name: str, text: str) -> bool:
    """Whether a text in the training container is one of a document, as its name there tells beyond doubt."""
    return training in (training_name(name, text), training_name(name)) and training != name


def version_prefix(name: str) -> str:
    """Return what the names of all versions of a document in the training container begin with, but for the digest."""
    return _letters(name.removesuffix(".txt"))[:LONGEST_STEM]


def _letters(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub("[^A-Za-z0-9]+", "", plain)


def category_name(category: str) -> str:
    """Return a category's name as the service takes it; a category of forbidden characters only keeps its digest."""
    allowed = "".join(char for char in category if char not in FORBIDDEN_IN_CATEGORY and char.isprintable())
    found = " ".join(allowed.split())[:MAX_NAME_CHARACTERS].strip()
    return found or f"Category{hashlib.sha256(category.encode('utf-8', 'surrogatepass')).hexdigest()[:DIGEST_DIGITS]}"


def category_names(categories: Iterable[str], known: Iterable[str] = ()) -> dict[str, str]:
    """Return the name of each category as the service takes it; those that come to the same name are one category.

    `known` are the names that a project has already; a category that is one of them keeps it.
    """
    names = {name: name for name in known}
    return names | {category: category_name(category) for category in categories if category not in names}
