"""C2PA signatures with a key of the user's own, made on first use; c2pa-python is optional and imported when needed."""

import importlib.util
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from engine import __version__
from engine.errors import OutputError
from engine.paths import atomic_file, config_dir

FORMATS = {".mp4": "video/mp4", ".mov": "video/quicktime", ".webm": "video/webm", ".png": "image/png",
           ".apng": "image/png", ".gif": "image/gif", ".webp": "image/webp"}  # fmt: skip
ROOT_DAYS, LEAF_DAYS = 3650, 825
RENEW_DAYS = 30
"""A certificate that ends sooner than this is made anew."""


def is_available() -> bool:
    """Whether clips can be signed on this machine."""
    return importlib.util.find_spec("c2pa") is not None and importlib.util.find_spec("cryptography") is not None


def embed(path: Path, title: str, source_type: str) -> None:
    """Signs a file in place. Raises OutputError saying why it cannot be signed; the file is unchanged then."""
    signed = path.with_name(f"{path.stem}.signed{path.suffix}")
    try:
        builder = _builder(title, path.suffix, source_type)
        with open(path, "rb") as source, open(signed, "wb+") as made:
            builder.sign(_signer(), FORMATS[path.suffix], source, made)
        os.replace(signed, path)
    except Exception as error:  # the library has one class for everything
        signed.unlink(missing_ok=True)
        raise OutputError(
            f"{title}: cannot be signed ({_first_line(error)}); export it without a signature."
        ) from error


def sidecar_of(path: Path, title: str, source_type: str) -> bytes:
    """The signature of a file whose container has no room for one. Raises OutputError."""
    beside = path.with_name(f"{path.stem}.signed{path.suffix}")
    try:
        builder = _builder(title, path.suffix, source_type)
        builder.set_no_embed()
        with open(path, "rb") as source, open(beside, "wb+") as copy:
            return bytes(builder.sign(_signer(), FORMATS[path.suffix], source, copy))
    except Exception as error:
        raise OutputError(
            f"{title}: cannot be signed ({_first_line(error)}); export it without a signature."
        ) from error
    finally:
        beside.unlink(missing_ok=True)


def read_manifest_store(path: Path, sidecar: Path | None = None) -> dict[str, Any] | None:
    """What a file's signature says, with its validation; None where there is none. A damaged one is "Invalid"."""
    import c2pa

    try:
        kind = FORMATS.get(path.suffix.lower(), "video/mp4")
        beside = {} if sidecar is None else {"manifest_data": sidecar.read_bytes()}
        with open(path, "rb") as stream:
            return json.loads(c2pa.Reader(kind, stream, **beside).json())
    except Exception as error:  # nothing to read is an exception there, too
        is_damaged = sidecar is not None or "Decoding" in type(error).__name__
        return {"validation_state": "Invalid"} if is_damaged else None


def _builder(title: str, suffix: str, source_type: str):
    import c2pa

    program = {"name": "Mouthpiece", "version": __version__}
    created = {"action": "c2pa.created", "digitalSourceType": source_type, "softwareAgent": program}
    return c2pa.Builder(json.dumps({
        "claim_generator_info": [program], "title": title, "format": FORMATS[suffix],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [created]}}],
    }))  # fmt: skip


def _signer():
    import c2pa

    key, chain = user_key()
    return c2pa.Signer.from_info(
        c2pa.C2paSignerInfo(alg=b"es256", sign_cert=chain.read_bytes(), private_key=key.read_bytes(), ta_url=None)
    )


def user_key() -> tuple[Path, Path]:
    """The user's private key and certificate chain, made when they are not there or end soon."""
    folder = config_dir() / "signing"
    key, chain = folder / "key.pem", folder / "chain.pem"
    if key.is_file() and chain.is_file() and _days_left(chain) > RENEW_DAYS:
        return key, chain
    folder.mkdir(mode=0o700, exist_ok=True)
    key_pem, chain_pem = _made_key()
    for path, data in ((key, key_pem), (chain, chain_pem)):
        with atomic_file(path) as temporary:
            os.chmod(temporary, 0o600)
            temporary.write_bytes(data)
    return key, chain


def _days_left(chain: Path) -> float:
    from cryptography import x509

    try:
        end = x509.load_pem_x509_certificate(chain.read_bytes()).not_valid_after_utc
    except (OSError, ValueError):
        return -1.0
    return (end - datetime.now(UTC)).total_seconds() / 86_400


def _made_key() -> tuple[bytes, bytes]:
    """A root of the user's own and a signing certificate of the kind C2PA takes: the key as PKCS8, leaf and root."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def name(words: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Mouthpiece user"),
                          x509.NameAttribute(NameOID.COMMON_NAME, words)])  # fmt: skip

    def usage(**on: bool) -> x509.KeyUsage:
        names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
                 "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")  # fmt: skip
        return x509.KeyUsage(**{n: on.get(n, False) for n in names})

    def certificate(subject, issuer, public, days, signer):
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public)
            .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        )  # fmt: skip

    root, leaf = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root_name, leaf_name = name("Root of this machine"), name("Clips of this machine")
    root_cert = (
        certificate(root_name, root_name, root.public_key(), ROOT_DAYS, root)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage(key_cert_sign=True, crl_sign=True), critical=True)
        .sign(root, hashes.SHA256())
    )
    leaf_cert = (
        certificate(leaf_name, root_name, leaf.public_key(), LEAF_DAYS, root)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .sign(root, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    key = leaf.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key, leaf_cert.public_bytes(pem) + root_cert.public_bytes(pem)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
