"""TLS to domain controllers, with certificates verified as Python's own clients do."""

import ssl
from typing import TYPE_CHECKING

from ldap3 import Tls

from latchkey.errors import DirectoryCertificateError

if TYPE_CHECKING:
    from ldap3 import Connection as AnyConnection


class VerifyingTls(Tls):
    """Verifies certificates; ldap3 does so only on request, with old code.

    `authorities` hold a certificate each, as DER in base64.
    """

    def __init__(self, authorities: tuple[str, ...]) -> None:
        """Read the certificates.

        Raises:
            DirectoryCertificateError: when one is none.
        """
        super().__init__(validate=ssl.CERT_REQUIRED)
        # A broken certificate is found here, once, and not at every connection.
        try:
            pem = "".join(
                f"-----BEGIN CERTIFICATE-----\n{each}\n-----END CERTIFICATE-----\n" for each in authorities
            )
            self.context = ssl.create_default_context(cadata=pem)
        except ssl.SSLError as error:
            raise DirectoryCertificateError(f"DirectoryCaCertificate is no certificate: {error}") from error
        self.refusal: ssl.SSLCertVerificationError | None = None

    def wrap_socket(self, connection: "AnyConnection", do_handshake: bool = False) -> None:  # noqa: FBT001, FBT002  # as ldap3 calls it
        """Put TLS on the connection's socket, and keep why the certificate was refused."""
        try:
            connection.socket = self.context.wrap_socket(
                connection.socket,
                server_hostname=connection.server.host,
                do_handshake_on_connect=do_handshake,
            )
        except ssl.SSLCertVerificationError as error:
            self.refusal = error
            raise
