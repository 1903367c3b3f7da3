"""What tests ask over HTTP: each request on a connection of its own, as Grafana's are.

To read the authorities that TLS trusts takes 25 ms, far more than a request: it is done once, and not each time. A
proxy of the environment leads outside: none of what is asked is there.
"""

from __future__ import annotations

import ssl
from functools import partial

import httpx2

TRUSTED = ssl.create_default_context()

request = partial(httpx2.request, verify=TRUSTED, trust_env=False)
get = partial(httpx2.get, verify=TRUSTED, trust_env=False)
post = partial(httpx2.post, verify=TRUSTED, trust_env=False)
delete = partial(httpx2.delete, verify=TRUSTED, trust_env=False)
