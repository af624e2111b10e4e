"""Makes the files of a new Samba domain; what is wanted comes as JSON on standard input.

Run by the system's Python, which alone has Samba's modules. `samba-tool domain provision` does the same, and
sets access lists, as only root may, for the files that a domain controller shares; here it shares none.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

from samba.auth import system_session
from samba.dsdb import DS_DOMAIN_FUNCTION_2008_R2
from samba.param import LoadParm
from samba.provision import provision


def main() -> None:
    """Read what is wanted and make it."""
    wanted: dict[str, Any] = json.load(sys.stdin)
    provision(
        logging.getLogger(__name__),
        system_session(),
        lp=LoadParm(),
        targetdir=wanted["folder"],
        realm=wanted["realm"],
        domain=wanted["domain"],
        hostname=wanted["host_name"],
        hostip=wanted["host_address"],
        serverrole="active directory domain controller",
        dns_backend="NONE",
        # As samba-tool does where nothing else is asked for.
        dom_for_fun_level=DS_DOMAIN_FUNCTION_2008_R2,
        skip_sysvolacl=True,
    )


main()
