"""Ranges of settings that several configurations use."""

from typing import Annotated

from pydantic import Field

Count = Annotated[int, Field(ge=1)]  # at least one
CountOrNone = Annotated[int, Field(ge=0)]  # zero = none, or no limit
Size = Annotated[int, Field(ge=2)]  # width of a part that is halved or projected
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
