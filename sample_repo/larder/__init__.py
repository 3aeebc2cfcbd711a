"""A small in-memory cache: bounded, with deadlines, and deterministic to test."""

from larder.cache import FOREVER, Cache
from larder.clock import Clock, ManualClock
from larder.durations import parse_duration
from larder.memo import memoize
from larder.stats import Stats

__all__ = ["FOREVER", "Cache", "Clock", "ManualClock", "Stats", "memoize", "parse_duration"]
