"""Who asks."""

from typing import Annotated, Literal

from pydantic import Field

from appliance.web.api.models.base import View


class Me(View):
    name: str
    role: Literal["admin", "uploader", "viewer"]
    csrf_token: Annotated[str, Field(description="For X-CSRF-Token; empty when asked with an API token, which needs none.")]
