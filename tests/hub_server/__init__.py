"""A Hugging Face Hub on this machine, for tests: real HTTP, for the real huggingface_hub client.

    with HubServer() as hub:
        repo = hub.create("somebody/waves")
        sha = repo.commit({"config.json": b"{}"})
        HfApi(endpoint=hub.url, token=hub.token).model_info("somebody/waves")

Repositories are kept in memory, models by "owner/name" and Spaces by "spaces/owner/name". Whoever
has `hub.token` may read and write all; `hub.reader` may read; without one, what is public may be
read. What goes wrong, and when, is told by `hub.faults`; what was asked, by `hub.requests`.

Files are uploaded as part of the commit, which the client does the same way with Xet on and off.
With `hub.lfs = True` weights go up through the LFS batch route, by clients that have Xet off, and
come back by a redirect to another host name, as from the Hub's CDN; the answer that redirects also
tells clients with Xet on where Xet has the file, as the Hub's does. Xet's own protocol is not
spoken: a client that asks for that gets 404.
"""

from hub_server.faults import Faults, Request
from hub_server.repos import Repo
from hub_server.server import HubServer

__all__ = ["Faults", "HubServer", "Repo", "Request"]
