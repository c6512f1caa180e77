"""The sample application under test: one `/cart` page behind several real HTTP servers."""
