/*
 * What one environment (the main thread, or one Worker) holds of the OS: mappings, resting ranges,
 * descriptors.
 *
 * Reference-counted: the binding holds one reference, every job one, every mapping that is not given back
 * one. The counters and the rest may be used from any thread, the descriptors and `closing` from the
 * environment's own only.
 */
#ifndef SLIDEMAP_ENVIRONMENT_H
#define SLIDEMAP_ENVIRONMENT_H

#include "lock.h"
#include "slots.h"

struct job;

/* How many released ranges rest at most. A forgotten reader may be so many times slower than the consumer. */
enum { REST_COUNT = 1024 };

struct environment {
  atomic_size_t references;
  atomic_size_t mappings;
  atomic_size_t mapped_bytes;
  atomic_size_t jobs;
  struct losses *losses; /* owned: claimed and dropped with the environment */

  /* A ring of taken slots whose ranges are covered, oldest first; with the hold of each one's range. */
  lock_t rest_lock;
  struct slot *resting[REST_COUNT];
  size_t rest_first;
  size_t rest_count;
  size_t rest_bytes;
  size_t rest_limit; /* bytes; never changes */

  size_t range_limit; /* ranges of the whole process at the most; never changes */

  /* Bit n is set while this environment has descriptor n open. Owned here. */
  uint64_t *descriptors;
  size_t descriptor_words;

  struct job *first_job; /* a list that jobs.c keeps */
  bool closing;          /* JavaScript will not run here any more */
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
 * its holds. It ends by environment_end alone, or by environment_unmap and environment_end.
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
 * The ArrayBuffer over a slot is gone for good, or none was made: drops the buffer's hold, and ends the
 * mapping if nobody did. Once for each slot, on any thread.
 */
void environment_end(struct slot *slot);

/* Give all that rests back to the OS; whether there was any. */
bool environment_drain(struct environment *environment);

/* Read what rests: ranges and bytes. */
void environment_resting(struct environment *environment, size_t *count, size_t *bytes);

/* ---- descriptors: so that none is left when a Worker is terminated ---- */

/* False where there is no memory to remember it; then it stays the caller's. */
bool environment_adopt(struct environment *environment, int fd);

/* Whether it was this environment's; the caller's to close from here on. */
bool environment_disown(struct environment *environment, int fd);

#endif
