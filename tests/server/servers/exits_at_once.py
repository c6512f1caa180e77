"""Says why on stderr and exits."""

import sys

if __name__ == "__main__":
    print("there is no cart to serve", file=sys.stderr)
    sys.exit(3)
