"""The check of the classifier."""

import asyncio

from feedback_app.doctor.check import Check, failed, passed
from feedback_app.sentiment.classifier import ClassifierUnavailable, ModelError, TextsRefused
from feedback_app.settings import Settings

MODEL = "model"


async def check_model(settings: Settings) -> Check:
    """Load the model and score one text."""
    # Imports torch, which no other check needs.
    from feedback_app.sentiment.model_choice import load_scorer

    try:
        scorer = await asyncio.to_thread(load_scorer, settings)
    except ModelError as error:
        return failed(
            MODEL, str(error), "set FEEDBACK_MODEL to a directory or hub name, or unset it"
        )
    try:
        (probabilities,) = await scorer.score(["It works."])
    except (ClassifierUnavailable, TextsRefused) as error:
        return failed(MODEL, str(error), "check the address and key of the service")
    finally:
        scorer.close()
    return passed(MODEL, f"{scorer.name} loads and scores ({probabilities.label})")
