/*
 * Reading that leaves the page cache as it was found. There is no Node-API in here.
 */
#ifndef SLIDEMAP_PAGE_CACHE_H
#define SLIDEMAP_PAGE_CACHE_H

#include "mapping.h"

#include <stdatomic.h>

struct cache_range {
  uint64_t offset;
  uint64_t length;
};

/* One visit of a file. All memory is its own; made by cache_visit_new, freed by cache_visit_free. */
struct cache_visit {
  int fd;          /* the caller's, open as long as the visit lasts */
  uint64_t offset; /* a multiple of the granularity */
  size_t length;   /* 0 to look at nothing */

  size_t absent_count; /* answered: ranges of whole pages that were not in the page cache */
  struct cache_range *absent;

  size_t forget_count; /* asked for: ranges to be forgotten first */
  struct cache_range forget[];
};

/* NULL where there is no memory for it. The ranges are the caller's to fill in. */
struct cache_visit *cache_visit_new(size_t forget_count);
void cache_visit_free(struct cache_visit *visit);

/*
 * Forget what is to be forgotten, find out what of the range is absent, and have exactly that read in: what the
 * kernel reads when a page is touched reaches beyond the range.
 *
 * The range is mapped meanwhile, and not afterwards. Nothing of it fails: where the OS does not tell what is
 * absent, nothing is.
 */
void cache_visit(struct cache_visit *visit, atomic_bool *cancelled);

#endif
