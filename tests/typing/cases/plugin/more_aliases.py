"""Names that a case imports all at once from a case that has imported them so."""

from typing import Annotated

from nanotyped import mysql_type

__all__ = ["City"]

City = Annotated[str, mysql_type("varchar(40)")]
Hidden = Annotated[str, mysql_type("varchar(40)")]
