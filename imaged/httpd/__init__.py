"""HTTP in, for both programs: cheroot, with the few repairs that long bodies and silent clients need.

The only package that touches cheroot's internals, which is why its version is pinned.
"""

from imaged.httpd.body import Body, Gone, ShortBody, Stalled
from imaged.httpd.chunks import BadChunk, Chunks
from imaged.httpd.gateway import Abort
from imaged.httpd.pipe import Pipe
from imaged.httpd.server import Server

__all__ = ["Abort", "BadChunk", "Body", "Chunks", "Gone", "Pipe", "Server", "ShortBody", "Stalled"]
