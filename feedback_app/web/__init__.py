"""The web side of a worker: the page, `/stats`, the probes and `/metrics`."""
