"""The stages of the pipeline, one file each: `polls`, `sentiment`, `alerts`, `delivery`.

Each file has a `stage(registry, topics, ...)`, which adds the stage to the app: the topic that it
reads, its decoder, its state and its limits. The handler says what it writes.
"""
