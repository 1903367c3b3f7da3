"""What tests ask over HTTP: each request on a connection of its own, as Grafana's are.

To read the authorities that TLS trusts takes 25 ms, far more than a request: it is done once, and not each time.
"""

from __future__ import annotations

import ssl
from functools import partial

import httpx2

TRUSTED = ssl.create_default_context()

request = partial(httpx2.request, verify=TRUSTED)
get = partial(httpx2.get, verify=TRUSTED)
post = partial(httpx2.post, verify=TRUSTED)
delete = partial(httpx2.delete, verify=TRUSTED)
