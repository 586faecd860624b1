/*
 * What one environment (the main thread, or one Worker) holds of the OS: mappings, resting ranges,
 * descriptors.
 *
 * Reference-counted: the binding holds two references, every job one, every hold of a slot one. The counters
 * and the rest may be used from any thread, the descriptors and `closing` from the environment's own only.
 */
#ifndef SLIDEMAP_ENVIRONMENT_H
#define SLIDEMAP_ENVIRONMENT_H

#include "lock.h"
#include "slots.h"

struct job;
struct napi_ref__;

/*
 * How many released ranges rest at least, whoever sees them: for native code that keeps an address alone.
 *
 * After that, those whose ArrayBuffer is still there (detached as it is) stay covered until it has been
 * collected: all of Node that has taken an address from a Buffer keeps that Buffer while it reads, be it a
 * socket that is stalled for hours. So many of all environments at most: Linux allows a process 65,530
 * mappings, the covered ones are not always next to each other, and an environment that is short can drain
 * only its own.
 */
enum { REST_COUNT = 1024, OUTLAST_COUNT = 16384 };

/* Released ranges, oldest first, each with its range's hold. Under the lock. */
struct rest_list {
  struct slot *oldest, *newest;
  size_t count;
  size_t bytes;
};

struct environment {
  atomic_size_t references;
  atomic_size_t mappings;
  atomic_size_t mapped_bytes;
  atomic_size_t jobs;
  struct losses *losses; /* owned: claimed and dropped with the environment */

  /* Taken slots whose ranges are covered. */
  lock_t rest_lock;
  struct rest_list resting;
  struct rest_list outlasting; /* rested, but still seen */
  size_t rest_limit;           /* bytes of those that rest; never changes */
  size_t outlast_limit;        /* bytes of those that outlast it, in all environments; never changes */

  size_t range_limit; /* ranges of the whole process at the most; never changes */

  /* Bit n is set while this environment has descriptor n open. Owned here. */
  uint64_t *descriptors;
  size_t descriptor_words;

  struct job *first_job;            /* a list that jobs.c keeps */
  struct napi_ref__ *outcome_maker; /* a napi_ref, outcome.c's; NULL where there is none any more */
  bool closing;                     /* JavaScript will not run here any more */
};

/* NULL where there is no memory for it. With one reference, the caller's. */
struct environment *environment_new(void);
void environment_retain(struct environment *environment);
void environment_release(struct environment *environment);

/* Close what is open and give back what rests: JavaScript will not run here any more. */
void environment_close(struct environment *environment);

/* ---- mappings ---- */

/*
 * Map a range of a file. Answers an error's number; on success `*slot` is live, and the caller has both of
 * its holds. It ends by environment_end alone, or by environment_unmap and environment_end; if it is watched,
 * by environment_unwatch too.
 */
int environment_map(struct environment *environment, int fd, uint64_t offset, size_t length,
                    struct slot **slot);

/*
 * End a mapping that the caller has taken: its pages go at once.
 *
 * detached: no ArrayBuffer reaches the range any more, so the range may rest and be given back before the
 *           finalizer has run. Otherwise it stays covered until then.
 */
void environment_unmap(struct environment *environment, struct slot *slot, bool detached);

/*
 * The memory under a slot's ArrayBuffer is out of use for good, or there was none: drops the memory's hold,
 * and ends the mapping if nobody did. Once for each slot, on any thread.
 */
void environment_end(struct slot *slot);

/* An ArrayBuffer over a slot will be told of when it is collected. Before environment_end. */
void environment_watch(struct slot *slot);

/* It has been collected. Once for each that is watched, on any thread. */
void environment_unwatch(struct slot *slot);

/* Give all that rests back to the OS, seen or not; whether there was any. */
bool environment_drain(struct environment *environment);

/* What rests, and what outlasted its rest: ranges and bytes. */
struct rest_counts {
  size_t resting, resting_bytes;
  size_t outlasting, outlasting_bytes;
};
struct rest_counts environment_resting(struct environment *environment);

/* ---- descriptors: so that none is left when a Worker is terminated ---- */

/* False where there is no memory to remember it; then it stays the caller's. */
bool environment_adopt(struct environment *environment, int fd);

/* Whether it was this environment's; the caller's to close from here on. */
bool environment_disown(struct environment *environment, int fd);

#endif
