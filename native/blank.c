#define _GNU_SOURCE
#include "blank.h"

#include "mapping.h"

#ifdef _WIN32

int memory_blank(size_t length, void **start)
{
  (void)length, (void)start;
  return OS_ENOSYS;
}

#else

#include <sys/mman.h>

#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif

enum { LARGE_PAGE = 2 << 20 };

static void *map(size_t length)
{
  return mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

/* The same from the beginning of a large page: newer kernels see to that themselves. */
static void *map_aligned(size_t length)
{
  char *at = map(length);
  if (at == MAP_FAILED || (uintptr_t)at % LARGE_PAGE == 0) return at;
  munmap(at, length);
  at = map(length + LARGE_PAGE);
  if (at == MAP_FAILED) return at;
  /* What is before and behind goes at once; where the OS has no memory to cut it off, it stays, untouched. */
  size_t before = LARGE_PAGE - (uintptr_t)at % LARGE_PAGE;
  munmap(at, before);
  if (before < LARGE_PAGE) munmap(at + before + length, LARGE_PAGE - before);
  return at + before;
}

int memory_blank(size_t length, void **start)
{
  void *at = length < LARGE_PAGE ? map(length) : map_aligned(length);
  if (at == MAP_FAILED) return errno;
#ifdef MADV_HUGEPAGE
  /* Can be refused; nobody needs to know. */
  if (length >= LARGE_PAGE) madvise(at, length, MADV_HUGEPAGE);
#endif
  *start = at;
  return 0;
}

#endif
