"""The image API as one table."""

import dataclasses
from collections.abc import Callable

from appliance.web import bodies, tables
from appliance.web.glance import files, images, importing, patches, schemas, stores, tasks


@dataclasses.dataclass(frozen=True)
class Route:
    """One method of one path. `body` are the content types of its JSON body, None where it takes none or an image.

    `status` is that of success; a handler that answers nothing has no body.
    """

    method: str
    path: str
    handler: Callable
    body: tuple[str, ...] | None = ()
    status: int = 200


JSON = (bodies.JSON,)
#: What is missed where no route is.
ADDRESS = "address in the image API"

ROUTES: tuple[Route, ...] = (
    Route("GET", "/v2/schemas/{name}", schemas.show),
    Route("GET", "/v2/images", images.index),
    Route("POST", "/v2/images", images.add, JSON),
    Route("GET", "/v2/images/{id}", images.show),
    Route("PATCH", "/v2/images/{id}", images.update, patches.TYPES),
    Route("DELETE", "/v2/images/{id}", images.delete, status=204),
    Route("PUT", "/v2/images/{id}/tags/{tag*}", images.add_tag, status=204),
    Route("DELETE", "/v2/images/{id}/tags/{tag*}", images.remove_tag, status=204),
    Route("GET", "/v2/images/{id}/file", files.show),
    Route("PUT", "/v2/images/{id}/file", files.put, None),
    Route("PUT", "/v2/images/{id}/stage", files.stage, None),
    Route("POST", "/v2/images/{id}/import", importing.start, JSON, status=202),
    Route("GET", "/v2/images/{id}/tasks", tasks.of_image),
    Route("GET", "/v2/info/import", importing.methods),
    Route("GET", "/v2/info/stores", stores.index),
    Route("GET", "/v2/tasks", tasks.index),
    Route("POST", "/v2/tasks", tasks.add, JSON),
    Route("GET", "/v2/tasks/{id}", tasks.show),
)


def find(method: str, path: str) -> tuple[Route, dict[str, str]]:
    """The route for a path, and its parameters. Raises NotFound, MethodNotAllowed."""
    return tables.find(ROUTES, method, path.rstrip("/"), ADDRESS)
