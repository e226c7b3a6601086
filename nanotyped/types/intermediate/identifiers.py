"""Intermediate families of what names a thing or a host: UUID, INET."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import Any, ClassVar, TypeAlias

from nanotyped.types.base import cast_error
from nanotyped.types.intermediate.system import IntermediateType

Address: TypeAlias = IPv4Address | IPv6Address

UUID_LENGTH = 36
INET_LENGTHS: Mapping[int | None, int] = {4: 15, 6: 39, None: 39}  # of the longest text, by version
_UUID_TEXT = re.compile(r"[0-9A-Fa-f]{8}(-?)[0-9A-Fa-f]{4}(\1[0-9A-Fa-f]{4}){2}\1[0-9A-Fa-f]{12}")
_CLASSES: Mapping[int, type] = {4: IPv4Address, 6: IPv6Address}


class UUID(IntermediateType):
    """A universally unique identifier of any version. Python: ``uuid.UUID``."""

    __slots__ = ()
    python_type = uuid.UUID

    @classmethod
    def python_cast_function(cls, value: Any) -> uuid.UUID:
        """Return a UUID: of a UUID, or of its 32 hexadecimal digits, with all four hyphens or none."""
        if isinstance(value, uuid.UUID):
            return value
        if isinstance(value, str) and _UUID_TEXT.fullmatch(value):
            return uuid.UUID(value)
        raise cast_error(cls, value, "not a UUID")


class INET(IntermediateType):
    """An address of the internet protocol. Parameter: ``version`` (4, 6); bare, it is of either.

    Python: ``ipaddress.IPv4Address`` or ``IPv6Address``; a bare INET has no one Python class. An address has no zone
    (``fe80::1%eth0``) and no prefix length.
    """

    __slots__ = ()
    parameter_names = ("version",)
    python_type: ClassVar[type] = object
    version: ClassVar[int | None] = None

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the version and its Python class."""
        version = parameters["version"]
        if type(version) is not int or version not in _CLASSES:
            raise ValueError(f"version must be one of {tuple(_CLASSES)}, not {version!r}")
        return {"version": version, "python_type": _CLASSES[version]}

    @classmethod
    def spelling(cls) -> str:
        """Return ``inet4``, ``inet6`` or ``inet``."""
        return f"inet{cls.version or ''}"

    @classmethod
    def python_cast_function(cls, value: Any) -> Address:
        """Return an address: of an address of this version, or of its text."""
        found = value if isinstance(value, IPv4Address | IPv6Address) else _read_address(value)
        if found is None:
            raise cast_error(cls, value, "not an IP address")
        if cls.version not in (None, found.version):
            raise cast_error(cls, value, f"an address of version {found.version}")
        if isinstance(found, IPv6Address) and found.scope_id is not None:
            raise cast_error(cls, value, "it has a zone")
        return found


def _read_address(text: object) -> Address | None:
    if isinstance(text, str):
        for kind in (IPv4Address, IPv6Address):
            try:
                return kind(text)
            except ValueError:
                pass
    return None


def address_text(address: Address) -> str:
    """Return the text of an address: compressed, and an IPv4-mapped one with the dots of IPv4 (RFC 5952, section 5).

    It is the same on every version of Python, whose own text of mapped addresses changed.
    """
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return f"::ffff:{mapped}" if mapped is not None else str(address)
