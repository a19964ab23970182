"""The native API as one table: what is dispatched, described by OpenAPI, and checked against docs/api.md."""

import dataclasses
import re
from collections.abc import Callable

import pydantic

from appliance import errors
from appliance.web import answers, tables
from appliance.web.api import domains, events, hosts, images, imports, me, models, transfers

PREFIX = "/api/v1"

#: Roles that may ask at all; whose transfer it is, `admin` decides.
ANYONE = ("admin", "uploader", "viewer")
UPLOADERS = ("admin", "uploader")
ADMINS = ("admin",)

SAFE = ("GET", "HEAD")


@dataclasses.dataclass(frozen=True)
class Route:
    """One method of one path. `answer` is the model of the JSON that it gives (None: no body, or bytes), with `status`.

    `body` is the model of its JSON body, which may be left out when `body_optional`; `refusals` are the errors that it may meet beside
    the ones that every request may. What it makes is found below `location`, where that is not its own path.
    A `public` route takes no login: what authorises is in the body, or nothing needs to.
    """

    method: str
    path: str
    handler: Callable
    summary: str
    answer: type[models.View] | None
    status: int = 200
    roles: tuple[str, ...] = ANYONE
    query: type[models.Query] = models.NoQuery
    body: type[models.Request] = models.Nothing
    body_optional: bool = False
    refusals: tuple[type[errors.ApplianceError], ...] = ()
    location: str | None = None
    streams: bool = False
    public: bool = False

    @property
    def parameters(self) -> list[str]:
        return re.findall(r"\{(\w+)\}", self.path)

    @property
    def wants_body(self) -> bool:
        return self.body is not models.Nothing

    @property
    def possible(self) -> list[type[errors.ApplianceError]]:
        """Every error that the route may answer with."""
        found: list[type[errors.ApplianceError]] = [
            *(error for error in ALWAYS if not (self.public and error is errors.NotLoggedIn)),
            *self.refusals,
        ]
        if self.parameters:
            found.append(errors.NotFound)
        if self.method not in SAFE:
            found += [*(() if self.public else (errors.BadCsrf,)), errors.LengthRequired, errors.TooLarge, errors.UnsupportedType]
        if set(self.roles) != set(ANYONE):
            found.append(errors.Forbidden)
        return found


#: A busy or broken appliance, a visitor who is not logged in, a request that is none.
ALWAYS = (errors.NotLoggedIn, errors.BadRequest, errors.Invalid, errors.Internal)

HOST = (errors.HostDown, errors.HostRefused)
START = (errors.BadName, errors.NameTaken, errors.NoHost, errors.NoSpace, errors.WrongDomain, errors.NotFound, *HOST)
ACT = (errors.Forbidden, errors.NotAllowed, errors.NoHost, *HOST)
#: What a source may be refused for, and what it may answer.
LOOK = (
    errors.BadUrl,
    errors.UserInUrl,
    errors.BadCredentials,
    errors.SchemeRefused,
    errors.PortRefused,
    errors.AddressRefused,
    errors.FileRefused,
    errors.UnknownName,
    errors.SourceUnreachable,
    errors.BadCertificate,
    errors.BadRedirect,
    errors.SourceMissing,
    errors.SourceForbidden,
    errors.SourceFailed,
    errors.SourceRange,
    errors.SourceEncoded,
    errors.SourceGarbled,
    errors.SourceStalled,
    errors.SourceSlow,
    errors.SourceReset,
    errors.SourceShort,
    errors.SourceLong,
    errors.SourceChanged,
    errors.NotAnImage,
    errors.SourceEmpty,
    errors.NoChecksum,
    errors.UnknownCompression,
    errors.ArchiveTruncated,
    errors.ArchiveDamaged,
    errors.ArchiveTrailing,
    errors.ArchiveMemory,
    errors.ArchiveTooLarge,
    errors.BadAuthorities,
    errors.BadProxy,
    errors.TooManyQueries,
)

ROUTES: tuple[Route, ...] = (
    Route("GET", "/me", me.show, "Who am I?", models.Me),
    Route("GET", "/domains", domains.index, "The storage domains, with their space", models.Domains),
    Route("GET", "/domains/{id}", domains.show, "One storage domain", models.Domain),
    Route(
        "POST",
        "/domains",
        domains.add,
        "Make a directory of a host a storage domain",
        models.Domain,
        status=201,
        roles=ADMINS,
        body=models.NewDomain,
        refusals=(errors.NotFound, errors.DomainExists, *HOST),
    ),
    Route(
        "PATCH", "/domains/{id}", domains.change, "What is done with imports into it", models.Domain, roles=ADMINS, body=models.DomainChange
    ),
    Route(
        "DELETE",
        "/domains/{id}",
        domains.remove,
        "Forget a storage domain without images",
        None,
        status=204,
        roles=ADMINS,
        refusals=(errors.DomainInUse,),
    ),
    Route("GET", "/hosts", hosts.index, "The hosts that storage domains lie on", models.Hosts),
    Route("GET", "/hosts/{id}", hosts.show, "One host", models.Host),
    Route(
        "POST",
        "/hosts",
        hosts.add,
        "Add a host, and get the command that enrols it",
        models.Invitation,
        status=201,
        roles=ADMINS,
        body=models.NewHost,
        refusals=(errors.HostExists,),
    ),
    Route("POST", "/hosts/{id}/token", hosts.invite, "A new command that enrols a host", models.Invitation, roles=ADMINS),
    Route("POST", "/hosts/{id}/maintenance", hosts.maintenance, "Take a host out of service", models.Host, roles=ADMINS),
    Route("POST", "/hosts/{id}/activate", hosts.activate, "Take a host back into service", models.Host, roles=ADMINS),
    Route("DELETE", "/hosts/{id}", hosts.remove, "Forget a host", None, status=204, roles=ADMINS, refusals=(errors.HostInUse,)),
    Route(
        "GET",
        "/authority",
        hosts.authority,
        "The authority that signs the appliance's and its hosts' certificates",
        models.Authority,
        public=True,
    ),
    Route(
        "POST",
        "/hosts/enrol",
        hosts.enrol,
        "A host's first certificate, for its one-time token",
        models.Enrolled,
        body=models.Enrolment,
        refusals=(errors.BadEnrolment,),
        public=True,
    ),
    Route("GET", "/images", images.index, "Images, newest first", models.Images, query=models.ImagesQuery, refusals=(errors.NotFound,)),
    Route("GET", "/images/{id}", images.show, "One image", models.Image),
    Route(
        "DELETE",
        "/images/{id}",
        images.delete,
        "Delete an image and its bytes",
        None,
        status=204,
        roles=UPLOADERS,
        refusals=(errors.Forbidden, errors.ImageLocked, *HOST),
    ),
    Route(
        "POST",
        "/images/{id}/ticket",
        images.ticket,
        "A signed ticket to read an image's bytes",
        models.Ticket,
        body=models.NewTicket,
        body_optional=True,
        refusals=(errors.ImageLocked, errors.ImageIllegal, *HOST),
    ),
    Route(
        "GET",
        "/images/{id}/data",
        images.data,
        "An image's bytes; with Range, a part of them",
        None,
        refusals=(errors.ImageLocked, errors.ImageIllegal, errors.OutOfRange, errors.Busy, *HOST),
        streams=True,
    ),
    Route(
        "HEAD",
        "/images/{id}/data",
        images.data,
        "What GET would answer, without the bytes",
        None,
        refusals=(errors.ImageLocked, errors.ImageIllegal, errors.OutOfRange, errors.Busy, *HOST),
        streams=True,
    ),
    Route(
        "POST",
        "/transfers/check",
        transfers.check,
        "Would this upload be accepted?",
        models.Check,
        roles=UPLOADERS,
        body=models.NewTransfer,
        refusals=START,
    ),
    Route(
        "POST",
        "/transfers",
        transfers.create,
        "Start an upload",
        models.Transfer,
        status=201,
        roles=UPLOADERS,
        body=models.NewTransfer,
        refusals=START,
    ),
    Route("GET", "/transfers", transfers.index, "Transfers, newest first", models.Transfers, query=models.TransfersQuery),
    Route("GET", "/transfers/{id}", transfers.show, "One transfer", models.Transfer),
    Route(
        "POST",
        "/transfers/{id}/ticket",
        transfers.ticket,
        "A signed ticket to write the upload's bytes",
        models.Ticket,
        roles=UPLOADERS,
        body=models.NewTicket,
        body_optional=True,
        refusals=(errors.WorksAlone, *ACT),
    ),
    Route(
        "POST",
        "/transfers/{id}/heartbeat",
        transfers.heartbeat,
        "I am still there; what has arrived for good?",
        models.Heartbeat,
        roles=UPLOADERS,
        refusals=ACT,
    ),
    Route(
        "GET",
        "/transfers/{id}/pieces",
        transfers.pieces,
        "Which parts of its file a resuming browser must hash",
        models.Pieces,
        roles=UPLOADERS,
        refusals=(errors.WorksAlone, *ACT),
    ),
    Route(
        "POST",
        "/transfers/{id}/resume",
        transfers.resume,
        "Go on with a paused upload",
        models.Transfer,
        roles=UPLOADERS,
        body=models.Resume,
        body_optional=True,
        refusals=(errors.DifferentFile, errors.Unproven, errors.WorksAlone, *ACT),
    ),
    Route("POST", "/transfers/{id}/pause", transfers.pause, "Pause", models.Transfer, roles=UPLOADERS, refusals=ACT),
    Route(
        "POST",
        "/transfers/{id}/cancel",
        transfers.cancel,
        "Give up, and delete what arrived",
        models.Transfer,
        roles=UPLOADERS,
        refusals=ACT,
    ),
    Route(
        "POST",
        "/transfers/{id}/finalize",
        transfers.finalize,
        "Everything was sent: verify it",
        models.Transfer,
        roles=UPLOADERS,
        refusals=(errors.Incomplete, errors.WorksAlone, *ACT),
    ),
    Route("GET", "/imports/methods", imports.methods, "What can be imported, and from where", models.Methods, roles=UPLOADERS),
    Route(
        "POST",
        "/imports/query",
        imports.query,
        "What is at a source?",
        models.Found,
        roles=UPLOADERS,
        body=models.NewSource,
        refusals=LOOK,
    ),
    Route(
        "POST",
        "/imports",
        imports.create,
        "Import an image from a URL",
        models.Transfer,
        status=201,
        location="/transfers",
        roles=UPLOADERS,
        body=models.NewImport,
        refusals=(errors.BadChecksum, errors.FormatRefused, *LOOK, *START),
    ),
    Route("GET", "/events", events.index, "What happened, newest first", models.Events, query=models.EventsQuery),
)


def find(method: str, path: str) -> tuple[Route, dict[str, str]]:
    """The route for a path below PREFIX, and its parameters. Raises NotFound, MethodNotAllowed."""
    return tables.find(ROUTES, method, path, "address in the API")


def shown(model: type[models.View], result: object) -> dict:
    """`result`, which has the attributes or keys that `model` names, as JSON-able values."""
    try:
        return model.model_validate(result).model_dump(mode="json", by_alias=True)
    except pydantic.ValidationError as error:
        # Not the client's doing: it must not pass for a bad request.
        raise RuntimeError(f"{model.__name__} promises what was not given") from error


def render(route: Route, result: object) -> answers.Answer:
    """What a handler returned, as an answer: through its model, so that the document never promises what is not sent."""
    if isinstance(result, answers.Answer):
        return result
    if route.answer is None:
        return answers.Answer(route.status)
    content = shown(route.answer, result)
    headers = {"Location": f"{PREFIX}{route.location or route.path}/{content['id']}"} if route.status == 201 else {}
    return answers.of_json(content, route.status, **headers)
