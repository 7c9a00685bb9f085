"""Private keys for tests, made as `openssl genrsa` makes them."""

from functools import cache

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


@cache
def rsa_pem(bits: int = 2048) -> bytes:
    private = rsa.generate_private_key(65537, bits)
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
