"""The search for the highest rate at which a topology keeps what users are promised."""
