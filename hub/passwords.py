"""Passwords, kept as scrypt's hashes.

Importing this module imports no framework.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

HASH = re.compile(r"scrypt:(16384|32768|65536):(8):([1-9]):((?:[0-9a-f]{2})+):((?:[0-9a-f]{2})+)")
COST, BLOCK, LANES = 2**14, 8, 1  # scrypt's n, r and p: about 50 ms and 16 MB for a guess
SALT = 16  # bytes


def hashed(password: str) -> str:
    """Return what a file of accounts keeps of a password: "scrypt:n:r:p:salt:key"."""
    salt = secrets.token_bytes(SALT)
    key = hashlib.scrypt(password.encode(), salt=salt, n=COST, r=BLOCK, p=LANES)
    return f"scrypt:{COST}:{BLOCK}:{LANES}:{salt.hex()}:{key.hex()}"


def fits(password: str, kept: str) -> bool:
    """Tell whether `kept`, as `hashed` gives it, is of this password."""
    found = HASH.fullmatch(kept)
    assert found, "checked when it was read"
    cost, block, lanes = (int(number) for number in found.groups()[:3])
    key = hashlib.scrypt(
        password.encode(),
        salt=bytes.fromhex(found[4]),
        n=cost,
        r=block,
        p=lanes,
        maxmem=2**27,
        dklen=len(found[5]) // 2,
    )
    return hmac.compare_digest(key, bytes.fromhex(found[5]))
