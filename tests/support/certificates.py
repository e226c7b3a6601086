"""Certificates for servers of tests, by an authority that nobody else knows."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import trustme

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Certificates:
    """An authority, and a server's certificate and key of it, as files.

    Attributes:
        authority: Of the authority.
        chain: Of the server.
        key: The server's key.
    """

    authority: Path
    chain: Path
    key: Path

    @classmethod
    def made(cls, folder: Path, *names: str) -> Self:
        """Return new ones, for a server that bears these names and addresses."""
        authority = trustme.CA()
        server = authority.issue_cert(*names)
        paths = cls(folder / "authority.pem", folder / "chain.pem", folder / "key.pem")
        authority.cert_pem.write_to_path(str(paths.authority))
        for blob in server.cert_chain_pems:
            blob.write_to_path(str(paths.chain), append=True)
        server.private_key_pem.write_to_path(str(paths.key))
        return paths

    def server_context(self) -> ssl.SSLContext:
        """Return what a TLS server of Python takes."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain, self.key)
        return context
