"""The storage side of Xet, as much as its client (hf_xet) needs to bring files up and down.

A file is a list of terms, each some chunks of a xorb, a block of chunks one after another. The
client uploads xorbs, then a shard, which tells how files are made of them; to download, it asks for
a file's terms and reads the xorbs. Only chunks that are stored as they are can be read here: random
bytes are, what can be compressed is not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

HEADER = ENTRY = 48  # bytes, of a shard's header and of each of its entries
END = b"\xff" * 32
VERIFIED, WITH_SHA256 = 1 << 31, 1 << 30  # a file's flags: which entries follow its terms
CHUNK_HEADER = 8  # bytes: version, stored length (3), scheme, length (3)


@dataclass(frozen=True)
class Term:
    """Chunks `first` to `last`, without that, of a xorb."""

    xorb: str
    length: int  # bytes of the file
    first: int
    last: int


@dataclass
class Xet:
    """What was uploaded through Xet."""

    xorbs: dict[str, bytes] = field(default_factory=dict)
    files: dict[str, list[Term]] = field(default_factory=dict)  # by Xet's hash of the file
    hashes: dict[str, str] = field(default_factory=dict)  # by sha256: Xet's hash

    def take_shard(self, shard: bytes) -> list[bytes]:
        """Note the files that a shard tells of; return their contents."""
        contents = []
        entries = (shard[i : i + ENTRY] for i in range(HEADER, len(shard), ENTRY))
        for head in iter(lambda: next(entries), None):
            if head[:32] == END:
                break
            flags, count = number(head, 32), number(head, 36)
            terms = [term_of(next(entries)) for _ in range(count)]
            for _ in range(count if flags & VERIFIED else 0):
                next(entries)
            sha256 = name_of(next(entries)) if flags & WITH_SHA256 else ""
            content = b"".join(map(self.read, terms))
            if sha256 and hashlib.sha256(content).hexdigest() != sha256:
                raise ValueError(f"the chunks of a file do not make {sha256}")
            self.files[name_of(head)] = terms
            self.hashes[hashlib.sha256(content).hexdigest()] = name_of(head)
            contents.append(content)
        return contents

    def read(self, term: Term) -> bytes:
        chunks = list(chunks_of(self.xorbs[term.xorb]))[term.first : term.last]
        content = b"".join(self.xorbs[term.xorb][begin:end] for begin, end in chunks)
        assert len(content) == term.length
        return content

    def reconstruction(self, name: str, address: str) -> dict[str, Any]:
        """Return what a client asks for to download a file; `address` is where xorbs are read."""
        terms = self.files[name]
        fetch: dict[str, list[dict[str, Any]]] = {}
        for term in terms:
            chunks = list(chunks_of(self.xorbs[term.xorb]))[term.first : term.last]
            url_range = {"start": chunks[0][0] - CHUNK_HEADER, "end": chunks[-1][1] - 1}
            told = {
                "range": {"start": term.first, "end": term.last},
                "url": f"{address}/{term.xorb}",
                "url_range": url_range,
            }
            fetch.setdefault(term.xorb, []).append(told)
        told_terms = [
            {
                "hash": term.xorb,
                "unpacked_length": term.length,
                "range": {"start": term.first, "end": term.last},
            }
            for term in terms
        ]
        return {"offset_into_first_range": 0, "terms": told_terms, "fetch_info": fetch}


def number(entry: bytes, at: int) -> int:
    return int.from_bytes(entry[at : at + 4], "little")


def name_of(entry: bytes) -> str:
    """Return the hash that begins an entry, as Xet writes it: four numbers of eight bytes."""
    return "".join(entry[i : i + 8][::-1].hex() for i in range(0, 32, 8))


def term_of(entry: bytes) -> Term:
    return Term(name_of(entry), number(entry, 36), number(entry, 40), number(entry, 44))


def chunks_of(xorb: bytes) -> Iterator[tuple[int, int]]:
    """Return where the content of each chunk begins and ends."""
    at = 0
    while at + CHUNK_HEADER <= len(xorb) and xorb[at] == 0:
        stored = int.from_bytes(xorb[at + 1 : at + 4], "little")
        if xorb[at + 4] != 0:
            raise ValueError("a chunk is compressed; upload what cannot be")
        yield at + CHUNK_HEADER, at + CHUNK_HEADER + stored
        at += CHUNK_HEADER + stored
