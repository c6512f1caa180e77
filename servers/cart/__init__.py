"""The `/cart` page itself: catalogue, line items, pricing and HTML, free of any web framework."""
