"""What a person is told where a command can not reach something: one sentence, and what to do."""

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)

from ..errors import EntityDropError
from ..redaction import redact
from ..storage.containers import error_code
from ..workflows.authoring_jobs import ServiceNotReached

_KEY_CODES = ("AuthenticationFailed", "InvalidAuthenticationInfo", "NoAuthenticationInformation")
_SERVICE_CODES = ("InternalError", "ServerBusy", "OperationTimedOut")


class CannotReach(EntityDropError):
    """Something that a command needs is not there, or can not be reached; the message is for people."""


class NoContainer(CannotReach):
    """There is no such container."""


def sentence(error: BaseException) -> str | None:
    """Return what to tell of an error of the storage, of a service, or of their clients; None for every other."""
    if isinstance(error, CannotReach | ServiceNotReached):
        return str(error)
    if not isinstance(error, AzureError):
        return None
    if isinstance(error, ServiceRequestError | ServiceResponseError):
        return (
            "The storage account can not be reached: check the network, the address in the settings and the "
            f"account's firewall ({type(error).__name__})."
        )
    code = error_code(error)
    if isinstance(error, HttpResponseError) and error.status_code:
        return _of_reply(error, error.status_code, code)
    if isinstance(error, ClientAuthenticationError):
        return "None of your identities can be used here: run 'az login', or give a connection string."
    return f"The storage account can not be used: {redact(type(error).__name__)}."


def _of_reply(error: HttpResponseError, status: int, code: str) -> str:
    if code in _KEY_CODES:
        return f"The storage account refuses the key or signature ({code}): check it, and whether it has expired."
    if status in (401, 403):
        return (
            f"The storage account refuses this ({code or status}): the identity, key or signature is wrong or lacks "
            "the right (docs/deploy.md has the roles), or the account's firewall keeps this machine out."
        )
    if isinstance(error, ResourceNotFoundError):
        return (
            f"The storage account has no such container or queue ({code or status}): check the names in the settings."
        )
    if status >= 500 or code in _SERVICE_CODES:
        return f"The storage account fails at the moment ({code or status}): try again."
    return f"The storage account refuses this request ({code or status})."
