/*
 * The process-wide table of mappings: what JavaScript names a mapping by, and what the fault guard looks up.
 *
 * A slot belongs to one mapping from slot_claim until all holds are dropped: the range's (the addresses are
 * back with the OS, or left to the other holders), the memory's (the finalizer of what backs its ArrayBuffer
 * has run), and the ArrayBuffer's own, where that is watched (it has been collected). Slots are never freed,
 * only used again, so a pointer to one can always be read.
 *
 * A slot is live until someone takes it with slot_take. Only who has taken it may cover its range, let it
 * rest and give it back: there is one such thread.
 */
#ifndef SLIDEMAP_SLOTS_H
#define SLIDEMAP_SLOTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct environment;

/*
 * Counts the losses of one environment's mappings, modulo 2^32. JavaScript reads it as memory, so that a read
 * of one number need not call here to know that it is sound. Never freed, only used again, as slots are: a
 * thread in the fault handler may be later than all else.
 */
struct losses {
  _Atomic uint32_t count;
  struct losses *next_free; /* under the table's lock */
};

struct slot {
  _Atomic uint64_t tag;    /* serial * 2, + 1 while live; 0 while no one's */
  _Atomic uintptr_t start; /* first byte of the range, 0 once it was given back */
  _Atomic size_t mapped;   /* bytes of the range: whole pages */
  _Atomic int64_t fault;   /* bytes from the start to the first page lost, -1 for none */
  _Atomic uint32_t busy;   /* threads in the fault handler that look at this range */
  _Atomic uint32_t holds;
  _Atomic(struct environment *) owner; /* a reference to it comes with each hold */
  _Atomic(struct losses *) losses;     /* the owner's */
  size_t length;                       /* bytes asked for, at most `mapped` */
  uint32_t index;                      /* the place in the table, for good */
  struct slot *older, *newer;          /* in a list of the owner's; under its lock */
  bool outlasting;                     /* in the list of those that are still seen; under the same lock */
  uint32_t next_free;                  /* under the table's lock */
};

/*
 * A live slot for a range, guarded from here on; NULL where there is no memory for it. The caller has its two
 * holds: the range's and the memory's.
 */
struct slot *slot_claim(struct environment *owner, struct losses *losses, void *start, size_t length,
                        size_t mapped);

/* The number of a slot's mapping, never used again: 1 .. 2^53 - 1. */
uint64_t slot_serial(const struct slot *slot);

/* The slot of a live mapping of this owner, or NULL. */
struct slot *slot_find(uint32_t index, uint64_t serial, const struct environment *owner);

/*
 * Whether the caller is the one who ends this mapping; false for anyone after the first, and for old serials.
 */
bool slot_take(struct slot *slot, uint64_t serial);

/*
 * Let the guard forget the range and give its addresses back to the OS. Only by who has taken the slot;
 * idempotent. False where the OS does not take them back just now; then they are covered.
 */
bool slot_give_back(struct slot *slot);

/* The range of a taken slot is gone without having been given back (COVER_LOST). */
void slot_forget_range(struct slot *slot);

/* Add the ArrayBuffer's hold. By who has another one. */
void slot_hold(struct slot *slot);

/* Whether nobody but the range itself holds the slot: no ArrayBuffer is there, and no memory of one. */
bool slot_unseen(const struct slot *slot);

/* How many ranges of this process are not given back: live, covered, or at rest. */
size_t slot_ranges(void);

/* Drop one hold. The last one gives the range back, where that was not done yet, and frees the slot. */
void slot_drop(struct slot *slot);

/* A counter for a new environment, NULL where there is no memory for it; to be dropped when no one reads it. */
struct losses *losses_claim(void);
void losses_drop(struct losses *losses);

/* ---- for the fault handler: async-signal-safe, no locks ---- */

/*
 * The slot whose range holds this address, pinned: the range stays until slot_unpin. NULL for none.
 *
 * start: the range's first byte, which the slot may not tell any more: who gives it back waits for the pin.
 */
struct slot *slot_pin(uintptr_t address, uintptr_t *start);
void slot_unpin(struct slot *slot);

/* Note that everything from `offset` on is lost, and count it. */
void slot_mark_lost(struct slot *slot, int64_t offset);

/* How many mappings of this process lost pages. */
uint64_t slot_faults(void);

#endif
