"""Whether what ``harness capacity`` and ``harness plan`` say is true, on servers whose law is known."""
