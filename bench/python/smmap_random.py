"""Random reads through smmap's cursor: file, kind ('view' or 'copy'), bytes of a read, reads. Prints nanoseconds."""
import sys
from time import perf_counter_ns

from smmap import SlidingWindowMapManager

path, kind, length, reads = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
manager = SlidingWindowMapManager(window_size=16 * 1024 * 1024)
cursor = manager.make_cursor(path)
span = cursor.file_size() - length
use_region, buffer = cursor.use_region, cursor.buffer
state = 1
total = 0
start = perf_counter_ns()
for _ in range(reads):
    state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
    offset = state * span >> 32
    view = use_region(offset, length).buffer()
    if kind == "copy":
        view = view.tobytes()
    total += view[0]
print(perf_counter_ns() - start)
