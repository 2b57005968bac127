"""Finds the local broker of this machine if no address is set."""

from feedback_app.settings import Settings


def with_local_broker(settings: Settings) -> Settings:
    """Return the settings, with the address of a running local broker if none is set."""
    if settings.kafka_bootstrap:
        return settings
    from feedback_app.broker import running_bootstrap

    found = running_bootstrap(settings.data_dir)
    return settings if found is None else settings.model_copy(update={"kafka_bootstrap": found})
