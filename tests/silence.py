"""What becomes of a transfer whose client says no more."""

#: Direction, timeout policy, and the phase that follows.
ENDINGS = [
    ("upload", "legacy", "paused_system"),
    ("upload", "pause", "paused_system"),
    ("upload", "cancel", "finished_failure"),
    ("download", "legacy", "finished_failure"),
    ("download", "pause", "paused_system"),
    ("download", "cancel", "finished_failure"),
]
