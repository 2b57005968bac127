"""A second listener with SASL and/or TLS: for tests of secured clusters."""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from feedback_app.broker.errors import BrokerUnavailable
from feedback_app.broker.ports import HOST

MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
STORE_PASSWORD = "local-only"  # noqa: S105
_MODULES = "org.apache.kafka.common.security"


@dataclass(frozen=True)
class Security:
    """Protocol and users of the second listener; users exist for every mechanism.

    SCRAM users are created when the data directory is formatted, and cannot be changed later.
    """

    protocol: Literal["SASL_PLAINTEXT", "SASL_SSL", "SSL"]
    users: Mapping[str, str] = field(default_factory=dict)
    """Passwords by user name, both of letters, digits, `-` and `_`."""

    def __post_init__(self) -> None:
        for value in (*self.users, *self.users.values()):
            if not re.fullmatch(r"[A-Za-z0-9_-]+", value):
                raise ValueError(
                    "a user name or password contains a character other than A-Za-z0-9_-"
                )

    @property
    def with_tls(self) -> bool:
        """Whether the listener needs a certificate."""
        return self.protocol.endswith("SSL")

    def format_arguments(self) -> list[str]:
        """Return the arguments of the storage tool that create the SCRAM users."""
        return [
            f"--add-scram={mechanism}=[name={name},password={password}]"
            for mechanism in MECHANISMS[1:]
            for name, password in self.users.items()
        ]


def with_secure_listener(
    properties: Mapping[str, str], port: int, security: Security, certificate: "Certificate | None"
) -> dict[str, str]:
    """Return a node's settings with an additional listener SECURE on `port`."""
    prefix = "listener.name.secure."
    secured = dict(properties)
    secured["listeners"] += f",SECURE://{HOST}:{port}"
    secured["advertised.listeners"] += f",SECURE://{HOST}:{port}"
    secured["listener.security.protocol.map"] += f",SECURE:{security.protocol}"
    if security.protocol.startswith("SASL"):
        users = "".join(f' user_{name}="{password}"' for name, password in security.users.items())
        plain = f"{_MODULES}.plain.PlainLoginModule required{users};"
        scram = f"{_MODULES}.scram.ScramLoginModule required;"
        secured[f"{prefix}sasl.enabled.mechanisms"] = ",".join(MECHANISMS)
        for mechanism in MECHANISMS:
            name = f"{prefix}{mechanism.lower()}.sasl.jaas.config"
            secured[name] = plain if mechanism == "PLAIN" else scram
    if certificate is not None:
        secured |= {
            f"{prefix}ssl.keystore.type": "PKCS12",
            f"{prefix}ssl.keystore.location": str(certificate.store),
            f"{prefix}ssl.keystore.password": STORE_PASSWORD,
            f"{prefix}ssl.key.password": STORE_PASSWORD,
        }
    return secured


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate for 127.0.0.1 and localhost."""

    store: Path
    """The key and certificate for the nodes (PKCS12)."""
    pem: Path
    """The certificate for clients to trust."""


def make_certificate(java: Path, folder: Path) -> Certificate:
    """Return the certificate in `folder`, created with the keytool next to `java` if missing.

    Raises BrokerUnavailable if keytool fails.
    """
    certificate = Certificate(folder / "server.p12", folder / "ca.pem")
    if certificate.pem.exists():
        return certificate
    folder.mkdir(parents=True, exist_ok=True)
    certificate.store.unlink(missing_ok=True)
    store = ["-keystore", str(certificate.store), "-storepass", STORE_PASSWORD, "-alias", "kafka"]
    _keytool(
        java,
        *(
            "-genkeypair",
            *store,
            "-storetype",
            "PKCS12",
            "-keyalg",
            "EC",
            "-groupname",
            "secp256r1",
        ),
        *("-dname", "CN=localhost", "-validity", "30"),
        *("-ext", f"san=ip:{HOST},dns:localhost", "-ext", "bc:critical=ca:true"),
    )
    part = certificate.pem.with_suffix(".part")
    _keytool(java, "-exportcert", *store, "-rfc", "-file", str(part))
    part.replace(certificate.pem)
    return certificate


def _keytool(java: Path, *arguments: str) -> None:
    done = subprocess.run(  # noqa: S603
        [str(java.with_name("keytool")), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode != 0:
        raise BrokerUnavailable(f"keytool failed: {(done.stdout + done.stderr).strip()[:300]}")
