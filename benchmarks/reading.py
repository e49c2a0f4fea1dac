"""How fast articles are read, and in how much memory: `stance.analyze` on the composed training articles.

    python benchmarks/reading.py [--reader FOLDER] [--articles 200]

Prints the seconds for an article of about 1,500 words (several joined where none is as long) after loading, the words a second
over all articles, and the resident memory (Linux) after a quarter of them and at the end.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from pathlib import Path

from stance.analysis import Analyzer
from stance.quotes import load_reader
from stance.tables import read_rows

SET = Path(__file__).parent.parent / "data" / "articles" / "train.jsonl"
LONG = 1500  # words
RUNS = 7


def resident() -> float:
    """Return the resident memory in MB."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reader", type=Path, help="a quote reader's folder; default: the shipped one")
    parser.add_argument("--articles", type=int, default=200)
    options = parser.parse_args()
    analyzer = Analyzer(reader=load_reader(options.reader))
    texts = [str(row.values["text"]) for row in read_rows(SET)]
    analyzer.analyze(texts[0])

    long = ""
    for text in texts:
        if len(long.split()) < LONG:
            long += text + "\n\n"
    seconds = []
    for _ in range(RUNS):
        start = time.perf_counter()
        found = len(analyzer.analyze(long))
        seconds.append(time.perf_counter() - start)
    print(
        f"{len(long.split())} words, {found} statements: {statistics.median(seconds):.2f} s "
        f"({min(seconds):.2f} to {max(seconds):.2f} in {RUNS} runs)"
    )

    words, memory, start = 0, {}, time.perf_counter()
    stream = itertools.islice(itertools.cycle(texts), options.articles)
    for number, (text, _) in enumerate(zip(stream, analyzer.analyze_iter(itertools.cycle(texts)), strict=False), 1):
        words += len(text.split())
        if number in (options.articles // 4, options.articles):
            memory[number] = resident()
    rate = words / (time.perf_counter() - start)
    told = ", ".join(f"{mb:.0f} MB after {number}" for number, mb in memory.items())
    print(f"{options.articles} articles, {words} words: {rate:.0f} words a second; resident memory {told}")


if __name__ == "__main__":
    main()
