"""A Hugging Face Hub on this machine, for tests: real HTTP, for the real huggingface_hub client.

    with HubServer() as hub:
        repo = hub.create("somebody/waves")
        sha = repo.commit({"config.json": b"{}"})
        HfApi(endpoint=hub.url, token=hub.token).model_info("somebody/waves")

Repositories are kept in memory, models by "owner/name" and Spaces by "spaces/owner/name". Whoever
has `hub.token` may read and write all; `hub.reader` may read; without one, what is public may be
read. What goes wrong, and when, is told by `hub.faults`; what was asked, by `hub.requests`.

Files are uploaded as part of the commit, which the client does the same way with Xet on and off.
With `hub.lfs = True` weights go up as the Hub takes large files: by a client with Xet on through
Xet's own protocol (hub_server.xet), by one with Xet off through the LFS batch route. They come back
by a redirect to another host name, as from the Hub's CDN, or, where a client wants that and they
came that way, through Xet.
"""

from hub_server.faults import Faults, Request
from hub_server.repos import Repo
from hub_server.server import HubServer

__all__ = ["Faults", "HubServer", "Repo", "Request"]
