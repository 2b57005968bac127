"""Chooses how a model is computed on this machine."""

import json
import os
import platform
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from tokenizers import Tokenizer

from feedback_app.sentiment.classifier import ModelError
from feedback_app.sentiment.packed import PackedBert
from feedback_app.sentiment.prepare import MAX_TOKENS
