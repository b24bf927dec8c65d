"""The pages in a real browser, before a real sidecar: a person's walk through them."""
