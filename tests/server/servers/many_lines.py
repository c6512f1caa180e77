"""Writes a long log, of both streams, and exits well."""

import sys

if __name__ == "__main__":
    for number in range(1000):
        print(f"line {number}", file=sys.stderr if number % 2 else sys.stdout, flush=True)
