"""One sentence for each fault of the storage."""

import pytest
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
    ServiceRequestError,
)

from functions.cli.problems_told import CannotReach, sentence


def reply(status: int, code: str, kind: type[HttpResponseError] = HttpResponseError) -> HttpResponseError:
    error = kind("The words of the service, ?sig=secret")
    error.status_code, error.error_code = status, code  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (reply(403, "AuthenticationFailed", ClientAuthenticationError), "refuses the key or signature"),
        (reply(403, "AuthorizationPermissionMismatch"), "lacks the "),
        (reply(403, "AuthorizationFailure"), "firewall"),
        (reply(401, ""), "lacks the "),
        (reply(404, "ContainerNotFound", ResourceNotFoundError), "no such container"),
        (reply(503, "ServerBusy"), "try again"),
        (reply(409, "ContainerBeingDeleted"), "ContainerBeingDeleted"),
        (ServiceRequestError("connection refused"), "can not be reached"),
        (ClientAuthenticationError("DefaultAzureCredential failed"), "az login"),
        (AzureError("?sig=secret"), "AzureError"),
        (CannotReach("There is no container 'x'."), "There is no container 'x'."),
    ],
)
def test_fault_of_storage_is_one_sentence(error: Exception, told: str) -> None:
    found = sentence(error)
    assert found is not None
    assert told in found
    assert "secret" not in found
    assert "\n" not in found


def test_other_errors_are_not_hidden() -> None:
    assert sentence(ValueError("a defect")) is None
