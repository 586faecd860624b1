#include "heap.h"

#include <stdlib.h>

/*
 * glibc keeps as much freed memory as twice the largest block that was freed (mallopt(3), M_MMAP_THRESHOLD:
 * the thresholds are dynamic). Just below the 32 MiB at which it stops learning, its own overhead included.
 * mallopt() would do it by name, and switch the learning off, which slows whoever uses blocks of a MiB.
 */
enum { LARGEST_LEARNT = 31 << 20 };

napi_value keep_freed_memory(napi_env env, napi_callback_info info)
{
  (void)info;
  /* Volatile, or the compiler sees a pair without use. No page of it is touched. */
  void *volatile block = malloc(LARGEST_LEARNT);
  free(block);
  napi_value undefined;
  return napi_get_undefined(env, &undefined) == napi_ok ? undefined : NULL;
}
