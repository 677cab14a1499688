"""Queries an index until stdin ends, following its generations: python read_index.py INDEX.

Every caption of the index ends in the number of its generation. Prints how many queries were answered, which
generations were seen, how many answers mixed generations, and what went wrong.
"""

import json
import sys
import threading

from stub_models import HashEncoder

from retrieval.search.live_engine import LiveEngine

QUERIES = ["a dog", "photo 3", "nothing"]

live = LiveEngine(sys.argv[1], HashEncoder(), "cpu")
stopped = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stopped.set()), daemon=True).start()
sys.stdout.write("ready\n")
sys.stdout.flush()
answered, mixed, seen, errors = 0, 0, set(), []
while True:
    last = stopped.is_set()
    try:
        engine = live.engine
        for hits in engine.search_many(QUERIES, k=100):
            found = {hit.caption.rpartition(" ")[2] for hit in hits}
            mixed += found != {str(engine.generation)} or len(hits) != engine.photos
            answered += 1
        seen.add(engine.generation)
    except Exception as error:
        errors.append(repr(error))
    if last:
        break
json.dump({"answered": answered, "mixed": mixed, "seen": sorted(seen), "errors": errors}, sys.stdout)
