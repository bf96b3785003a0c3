"""The installed program in the lab, where documentation ranges are the whole Internet.

    python -m tests.lab.collect collect -w FILE --cache FILE

Who announces an address is asked only of global ones, and the lab has none (RFC 5737, RFC
2544): here they count as such, so that origin look-ups go to the lab's own zone.
"""

import ipaddress
import sys

from monitor.cli import main

ipaddress.IPv4Address.is_global = property(lambda self: not self.is_loopback)

if __name__ == "__main__":
    sys.exit(main())
