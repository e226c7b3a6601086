"""Names that another case imports all at once."""

from typing import Annotated

from nanotyped import *
from tests.typing.cases.plugin.more_aliases import *

Name = Annotated[str, mysql_type("varchar(64)")]
_Private = Annotated[str, mysql_type("varchar(64)")]
type Code = Annotated[str, mysql_type("char(9)")]
type Note = Annotated[
    str, mysql_type("varchar(50)")
] | None
Columns = {"name": "varchar(32)"}
