"""Random input for a bounded time: with the same seeds in each check, and by hand (`make fuzz`) for longer, with others."""

import functools
import inspect
import os
import random
import time
from collections.abc import Callable

import hypothesis

#: Seconds for all fuzz tests together, and how many of them there are.
SECONDS = float(os.environ.get("FUZZ_SECONDS", "40"))
TESTS = 19
#: Examples that hypothesis tries between two looks at the clock.
BATCH = 50


def fuzz(**strategies: hypothesis.strategies.SearchStrategy) -> Callable:
    """The decorated test runs with examples of the strategies until its share of the time is over; its other arguments are fixtures."""

    def decorate(test: Callable[..., None]) -> Callable:
        signature = inspect.signature(test)

        @functools.wraps(test)
        def run(**fixtures) -> None:
            seed = random.randrange(1 << 32) if "FUZZ_SECONDS" in os.environ else 0
            deadline = time.monotonic() + SECONDS / TESTS
            while True:
                _batch(functools.partial(test, **fixtures), strategies, seed)
                seed += 1
                if time.monotonic() > deadline:
                    return

        # pytest looks here for the names of fixtures.
        fixtures = [each for name, each in signature.parameters.items() if name not in strategies]
        run.__signature__ = signature.replace(parameters=fixtures)
        del run.__wrapped__
        return run

    return decorate


def _batch(test: Callable[..., None], strategies: dict, seed: int) -> None:
    rules = hypothesis.settings(max_examples=BATCH, deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck))

    @hypothesis.seed(seed)
    @rules
    @hypothesis.given(**strategies)
    def examples(**words) -> None:
        test(**words)

    examples()
