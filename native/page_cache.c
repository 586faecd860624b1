#define _GNU_SOURCE
#include "page_cache.h"

#include <stdlib.h>

/* The kernel cuts a wish to read ahead to what a device reads at once: no less than this, by default. */
enum { READ_STEP = 128 << 10, READ_AHEAD = 4 << 20 };

struct cache_visit *cache_visit_new(size_t forget_count)
{
  if (forget_count > (SIZE_MAX - sizeof(struct cache_visit)) / sizeof(struct cache_range)) return NULL;
  struct cache_visit *visit =
      calloc(1, sizeof(struct cache_visit) + forget_count * sizeof(struct cache_range));
  if (visit) visit->forget_count = forget_count;
  return visit;
}

void cache_visit_free(struct cache_visit *visit)
{
  if (!visit) return;
  free(visit->absent);
  free(visit);
}

static bool is_absent(const unsigned char *pages, size_t at) { return !(pages[at] & 1); }

static size_t count_runs(const unsigned char *pages, size_t count)
{
  size_t runs = 0;
  for (size_t i = 0; i < count; i++)
    runs += is_absent(pages, i) && (i == 0 || !is_absent(pages, i - 1));
  return runs;
}

/* Write the runs of absent pages down, in bytes from the start of the file. */
static void note_absent(struct cache_visit *visit, const unsigned char *pages, size_t count)
{
  size_t page = memory_page_size();
  size_t runs = count_runs(pages, count);
  if (runs == 0) return;
  visit->absent = calloc(runs, sizeof *visit->absent);
  if (!visit->absent) return;
  for (size_t i = 0; i < count; i++) {
    if (!is_absent(pages, i)) continue;
    size_t first = i;
    while (i + 1 < count && is_absent(pages, i + 1))
      i++;
    visit->absent[visit->absent_count++] =
        (struct cache_range){ visit->offset + (uint64_t)first * page, (uint64_t)(i + 1 - first) * page };
  }
}

/* `start`: where the visit's range is mapped. */
static void find_absent(struct cache_visit *visit, void *start)
{
  size_t page = memory_page_size();
  size_t count = visit->length / page + (visit->length % page > 0);
  unsigned char *pages = calloc(count, 1);
  if (!pages) return;
  if (memory_resident(start, visit->length, pages) == 0) note_absent(visit, pages, count);
  free(pages);
}

/*
 * Ask for a range piece by piece, some pieces ahead of those that are waited for. What was asked for is waited
 * for in any case: a page that is being read cannot be forgotten.
 */
static void read_range(char *at, uint64_t length, atomic_bool *cancelled)
{
  uint64_t asked = 0, done = 0;
  do {
    while (asked < length && asked - done < READ_AHEAD && !atomic_load(cancelled)) {
      uint64_t step = length - asked < READ_STEP ? length - asked : READ_STEP;
      memory_advise(at + asked, (size_t)step, ADVICE_WILL_NEED);
      asked += step;
    }
    uint64_t wait = asked - done < READ_AHEAD / 2 ? asked - done : READ_AHEAD / 2;
    /* Where this cannot be had or waited for, whoever maps the range will find out. */
    memory_populate(at + done, (size_t)wait);
    done += wait;
  } while (done < asked);
}

static void read_absent(const struct cache_visit *visit, char *start, atomic_bool *cancelled)
{
  for (size_t i = 0; i < visit->absent_count && !atomic_load(cancelled); i++) {
    const struct cache_range *range = &visit->absent[i];
    read_range(start + (size_t)(range->offset - visit->offset), range->length, cancelled);
  }
}

void cache_visit(struct cache_visit *visit, atomic_bool *cancelled)
{
  if (!file_forgets()) return;
  for (size_t i = 0; i < visit->forget_count; i++)
    file_forget(visit->fd, visit->forget[i].offset, visit->forget[i].length);
  if (visit->length == 0 || atomic_load(cancelled)) return;
  void *start;
  if (memory_map(visit->fd, visit->offset, visit->length, &start) != 0) return;
  /* A page that the kernel takes back before it is waited for would else come with those around it. */
  memory_advise(start, visit->length, ADVICE_RANDOM);
  find_absent(visit, start);
  read_absent(visit, start, cancelled);
  /* Where the OS does not take addresses back just now, they keep nothing of the file at least. */
  if (memory_unmap(start, visit->length) != 0) memory_cover(start, visit->length);
}
