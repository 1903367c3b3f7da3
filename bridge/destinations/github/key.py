"""The private key of a GitHub App, read from however its PEM text came; it stands in no error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_NO_KEY: Final = (
    "`app.private_key` holds no RSA private key: give it the whole .pem file that GitHub made for the app, "
    "its first and last line included"
)
_LOCKED: Final = "`app.private_key` is locked with a passphrase: give it the .pem file as GitHub made it"


def load(pem: str) -> RSAPrivateKey:
    """Read a private key.

    Raises:
        ValueError: it is none that signs with RS256.
    """
    # imported here: without an app nobody pays for it
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - as said above
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415 - as said above
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415 - as said above

    lines = pem.strip() if "\n" in pem.strip() else pem.strip().replace("\\n", "\n")
    try:
        key = load_pem_private_key(lines.encode(), password=None)
    except TypeError:
        raise ValueError(_LOCKED) from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError(_NO_KEY) from None
    if not isinstance(key, RSAPrivateKey):
        raise ValueError(_NO_KEY)  # noqa: TRY004 - a wrong setting, not a wrong type
    return key
