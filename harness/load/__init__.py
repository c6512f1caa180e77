"""The load as data: what is sent, how it is offered, and what came of it."""
