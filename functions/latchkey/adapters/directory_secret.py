"""The directory's service account: its secret holds a user name and a password."""

from latchkey.adapters import secretsmanager
from latchkey.adapters.ldap import Login
from latchkey.errors import DirectoryLoginError


def read_login(secret_id: str) -> Login:
    """Return the service account's credentials.

    Raises:
        DirectoryLoginError: when the secret does not hold a user name and a password.
    """
    secret = secretsmanager.read(secret_id)
    try:
        return Login(secret["username"], secret["password"])
    except KeyError as error:
        raise DirectoryLoginError(f"The service account's secret has no {error.args[0]}.") from None
