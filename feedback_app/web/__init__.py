"""The page, `/stats`, the probes and `/metrics`, on the worker's own web port."""
