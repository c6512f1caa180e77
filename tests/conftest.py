"""Settings of the whole suite."""

from hypothesis import settings

# ``make fuzz`` looks longer, and in another place each time.
settings.register_profile("fuzz", max_examples=2000, deadline=None, print_blob=True)
