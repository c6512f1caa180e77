"""The load generator: one epoll loop in a process of its own, usable without the rest of the harness."""
