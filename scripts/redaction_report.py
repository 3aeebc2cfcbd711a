"""Print what redaction does on the labelled corpus: recall and false alarms per kind; and its speed.

Ends with 1 where a secret was missed or something else was replaced.
"""

from __future__ import annotations

import sys
import sysconfig
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from app.rules.redaction.redact import redact_text  # noqa: E402  # the script runs from anywhere
from tests.redaction_corpus import negatives, positives, scores  # noqa: E402  # likewise

_ROUNDS = 5


def main() -> int:
    """Print the report."""
    table = scores()
    print(f"{len(positives())} texts with secrets, {len(negatives())} without\n")
    print(f"{'kind':<24}{'secrets':>8}{'found':>8}{'recall':>9}{'false alarms':>14}")
    for kind, score in table.items():
        recall = f"{score.found / score.secrets:.1%}" if score.secrets else "-"
        print(f"{kind:<24}{score.secrets:>8}{score.found:>8}{recall:>9}{score.false_alarms:>14}")
    print(f"\n{_speed_mb_per_s():.0f} MB/s on the code of the standard library, best of {_ROUNDS}")
    return int(any(score.found < score.secrets or score.false_alarms for score in table.values()))


def _speed_mb_per_s() -> float:
    files = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))
    texts = [path.read_text(encoding="utf-8") for path in files]
    return sum(map(len, texts)) / 1e6 / min(_seconds(texts) for _ in range(_ROUNDS))


def _seconds(texts: list[str]) -> float:
    started = time.perf_counter()
    for text in texts:
        redact_text(text)
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
