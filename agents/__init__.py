"""The stages of the pipeline, one file each: `polls`, `sentiment`, `alerts`, `delivery`.

Each file has a `build(registry, topics, ...)`, which adds the stage to the registry: the topic
that it reads, its decoder, its state and its limits. What handles its records writes the output.
"""
