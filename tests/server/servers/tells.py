"""Tells on stdout how it was started, and stays."""

import json
import os
import signal
import sys

if __name__ == "__main__":
    print(json.dumps({"arguments": sys.argv[1:], "address": os.environ["ADDRESS"]}), flush=True)
    signal.pause()
