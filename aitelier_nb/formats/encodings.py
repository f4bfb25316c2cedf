"""From the bytes of a file to UTF-8: what the encoding is gets told, and what is no text gets refused."""

from __future__ import annotations

import gzip
import io
import re
import zlib
from dataclasses import dataclass, field

from aitelier_nb.errors import DataError

__all__ = ["Decoded", "decode"]

BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
NOT_TEXT = (
    (b"PK\x03\x04", "a zip archive or an Excel file", "unpack it, or export the sheet as CSV"),
    (b"%PDF", "a PDF file", "export the conversations as JSONL or CSV"),
    (b"\x89PNG", "a picture", "give a file of conversations"),
    (b"\xff\xd8\xff", "a picture", "give a file of conversations"),
    (b"\x80\x04\x95", "a Python pickle, which is never opened here", "save the rows as JSONL"),
    (b"\x80\x05\x95", "a Python pickle, which is never opened here", "save the rows as JSONL"),
    (b"SQLite format 3", "an SQLite database", "export the table as CSV"),
    (b"GGUF", "a model", "give a file of conversations"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstandard", "unpack it first"),
    (b"BZh", "compressed with bzip2", "unpack it first"),
    (b"\xfd7zXZ", "compressed with xz", "unpack it first"),
)
LOOKED_AT = 8192
MOST_CONTROLS = 0.3
CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
WEB_PAGE = re.compile(rb"\s*<(!doctype|html|head|body|\?xml|svg)", re.IGNORECASE)
MULTIBYTE = re.compile(rb"[\xc2-\xf4][\x80-\xbf]+")
TABLES = (b"PAR1", b"ARROW1", b"\xff\xff\xff\xff")  # Parquet, and Arrow as a file or a stream
LARGEST = 16 * 2**30  # bytes that a compressed file may unfold to


@dataclass(frozen=True)
class Decoded:
    """A file's text as UTF-8 bytes without a byte order mark (tables as they are), and what to tell."""

    text: bytes
    encoding: str = "utf-8"
    notices: list[str] = field(default_factory=list)


def decode(content: bytes, name: str = "the file") -> Decoded:
    """Unpack gzip and turn UTF-16, UTF-32 and Windows-1252 into UTF-8.

    A UTF-8 file with some broken lines stays as it is: the lines are refused one by one later.

    Raises
    ------
    DataError
        The file is empty, a pointer, a web page, an archive or binary.
    """
    if content[:2] == b"\x1f\x8b":
        content = _unzipped(content, name)
    if not content or content.isspace():
        raise DataError(f"{name}: the file is empty", hint="give a file with examples")
    if content.startswith(TABLES):
        return Decoded(content, "parquet" if content.startswith(TABLES[0]) else "arrow")
    _refuse_what_is_no_text(content, name)
    for mark, encoding in BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return _told(content[len(mark) :], encoding, name)
    unmarked = _unmarked_utf16(content)
    if unmarked:
        return _told(content, unmarked, name)
    if _is_binary(content):
        raise DataError(f"{name}: the file is binary, not text", hint="give JSONL, JSON, CSV or Parquet")
    return _told(content, "utf-8" if _is_utf8(content) else "windows-1252", name)


def _unzipped(content: bytes, name: str) -> bytes:
    """Return what is inside, all members of it, and no more than a file that could be meant."""
    try:
        with gzip.open(io.BytesIO(content)) as inside:
            unfolded = inside.read(LARGEST + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            f"{name}: the gzip file is cut off or damaged", hint="copy or download it again"
        ) from error
    if len(unfolded) > LARGEST:
        raise DataError(f"{name}: unfolds to more than {LARGEST >> 30} GiB", hint="split the file")
    return unfolded


def _refuse_what_is_no_text(content: bytes, name: str) -> None:
    if content.startswith(b"version https://git-lfs.github.com/spec/"):
        raise DataError(f"{name}: is a Git LFS pointer, not the file itself", hint="run git lfs pull")
    if WEB_PAGE.match(content[:LOOKED_AT]):
        raise DataError(f"{name}: is a web page, not training data", hint="download the raw file")
    for start, what, remedy in NOT_TEXT:
        if content.startswith(start):
            raise DataError(f"{name}: is {what}", hint=remedy)


def _unmarked_utf16(content: bytes) -> str | None:
    """Return the encoding of UTF-16 without a mark: ASCII text has a zero in every second byte."""
    head = content[:LOOKED_AT]
    if len(head) % 2 == 0 or len(content) > LOOKED_AT:
        zeros = head[0::2].count(0), head[1::2].count(0)
        most = len(head) * 0.3
        if zeros[1] > most and zeros[0] < most / 10:
            return "utf-16-le"
        if zeros[0] > most and zeros[1] < most / 10:
            return "utf-16-be"
    return None


def _is_binary(content: bytes) -> bool:
    """Return whether control characters stand where no text has them; JSON is judged line by line later."""
    head = content[:LOOKED_AT]
    controls = len(CONTROL.findall(head))
    if not controls or head.lstrip()[:1] in (b"{", b"["):
        return False
    return controls > MOST_CONTROLS * len(head) or not _decodes(content, "utf-8")


def _is_utf8(content: bytes) -> bool:
    """Return whether the text is UTF-8, or at least mostly: some line has a correct multi-byte character."""
    if content.isascii():
        return True
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return any(_decodes(found.group(), "utf-8") for found in MULTIBYTE.finditer(content))
    return True


def _decodes(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _told(content: bytes, encoding: str, name: str) -> Decoded:
    if encoding == "utf-8":
        return _lines_told(content, "utf-8", [], name)
    try:
        text = content.decode("cp1252" if encoding == "windows-1252" else encoding)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{name}: is neither UTF-8 nor {encoding} (byte {error.start})", hint="save it as UTF-8"
        ) from error
    try:
        recoded = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(
            f"{name}: holds half a character at place {error.start}", hint="save it as UTF-8"
        ) from error
    notice = f"{name} is {encoding}; it was read as such, please look at the accents"
    return _lines_told(recoded, encoding, [notice], name)


def _lines_told(text: bytes, encoding: str, notices: list[str], name: str) -> Decoded:
    """Return the text with line feeds where an old Macintosh wrote only carriage returns."""
    if not text or text.isspace():
        raise DataError(f"{name}: the file is empty", hint="give a file with examples")
    if b"\n" in text or b"\r" not in text.strip():
        return Decoded(text, encoding, notices)
    told = f"{name} ends its lines with carriage returns alone; they were read as line ends"
    return Decoded(text.replace(b"\r", b"\n"), encoding, [*notices, told])
