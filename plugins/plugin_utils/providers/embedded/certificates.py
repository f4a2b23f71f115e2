"""Keys, and the authorities that sign certificates for them. Nothing here reads or writes a file.

All keys are of the elliptic curve P-256: one is made in a thousandth of the time of an RSA key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# As long as kubeadm's are valid.
_YEAR = timedelta(days=365)
_AUTHORITY_FOR, _SIGNED_FOR = 10 * _YEAR, _YEAR
# The clock of a machine may be set back.
_ALREADY = timedelta(hours=1)
_PEM = serialization.Encoding.PEM


@dataclass(frozen=True)
class Key:
    """A private key, and its public half."""

    private: ec.EllipticCurvePrivateKey

    @classmethod
    def new(cls) -> Self:
        """Make one."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    def pem(self) -> str:
        """The private key as PEM, in the format that kubeadm writes (RFC 5915)."""
        return self.private.private_bytes(
            _PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        ).decode()

    def public_pem(self) -> str:
        """The public key as PEM."""
        return (
            self.private.public_key()
            .public_bytes(_PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            .decode()
        )


@dataclass(frozen=True)
class Holder:
    """Whom a certificate is for.

    Args:
        name: the common name; for a client, its user's name.
        groups: the organizations; for a client, its user's groups.
        client, server: what the certificate may be shown as.
        names: a server's names.
        addresses: a server's IP addresses.
    """

    name: str
    groups: tuple[str, ...] = ()
    client: bool = True
    server: bool = False
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True)
class Signed:
    """A key and its certificate."""

    key: Key
    certificate: x509.Certificate

    def pem(self) -> str:
        """The certificate as PEM."""
        return self.certificate.public_bytes(_PEM).decode()


@dataclass(frozen=True)
class Authority(Signed):
    """A certificate authority, which signs for others."""

    @classmethod
    def new(cls, name: str) -> Self:
        """Make one that signs for itself."""
        key, subject = Key.new(), _subject(name)
        builder = _builder(key, subject, subject, _AUTHORITY_FOR)
        builder = builder.add_extension(x509.BasicConstraints(True, None), True)
        builder = builder.add_extension(_usage(signs=True), True)
        return cls(key, builder.sign(key.private, hashes.SHA256()))

    def sign(self, holder: Holder) -> Signed:
        """Make a key for someone, and its certificate."""
        key = Key.new()
        issuer = self.certificate.subject
        builder = _builder(key, _subject(holder.name, holder.groups), issuer, _SIGNED_FOR)
        builder = builder.add_extension(x509.BasicConstraints(False, None), True)
        builder = builder.add_extension(_usage(signs=False), True)
        builder = builder.add_extension(x509.ExtendedKeyUsage(_purposes(holder)), False)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.private.public_key()), False
        )
        alternatives: list[x509.GeneralName] = [
            *map(x509.DNSName, holder.names),
            *(x509.IPAddress(ip_address(address)) for address in holder.addresses),
        ]
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), False)
        return Signed(key, builder.sign(self.key.private, hashes.SHA256()))


def _subject(name: str, groups: Sequence[str] = ()) -> x509.Name:
    return x509.Name(
        [
            *(x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def _builder(
    key: Key, subject: x509.Name, issuer: x509.Name, valid: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    public = key.private.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _ALREADY)
        .not_valid_after(now + valid)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _purposes(holder: Holder) -> list[x509.ObjectIdentifier]:
    return [
        *([ExtendedKeyUsageOID.CLIENT_AUTH] if holder.client else []),
        *([ExtendedKeyUsageOID.SERVER_AUTH] if holder.server else []),
    ]
