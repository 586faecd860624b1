#define _GNU_SOURCE
#include "slots.h"

#include "lock.h"
#include "mapping.h"

#include <stdlib.h>

/* Of few slots: the first window of a process waits for the first chunk. */
enum { CHUNK_SLOTS = 64, CHUNK_LIMIT = 65536 };
enum { NO_SLOT = UINT32_MAX };
#define LAST_SERIAL ((uint64_t)1 << 53)

/*
 * Chunks are only ever added, and published whole: the fault handler walks them while others add. The free
 * list and the number of chunks are under the lock; each slot's fields say for themselves who may change
 * them.
 */
static _Atomic(struct slot *) chunks[CHUNK_LIMIT]; /* apart: zeroes take no room in the binary */
static struct {
  lock_t lock;
  uint32_t chunk_count;
  uint32_t first_free;
  struct losses *free_losses; /* under the lock */
  _Atomic uint64_t last_serial;
  _Atomic uint64_t faults;
  atomic_size_t ranges;
} table = { .lock = LOCK_INITIAL, .first_free = NO_SLOT };

static struct slot *slot_at(uint32_t index)
{
  if (index / CHUNK_SLOTS >= CHUNK_LIMIT) return NULL;
  struct slot *chunk = atomic_load_explicit(&chunks[index / CHUNK_SLOTS], memory_order_acquire);
  return chunk ? &chunk[index % CHUNK_SLOTS] : NULL;
}

/* Under the lock. */
static void put_on_free_list(struct slot *slot)
{
  slot->next_free = table.first_free;
  table.first_free = slot->index;
}

/* Under the lock. The chunk is the table's, until the process ends. */
static bool add_chunk(void)
{
  if (table.chunk_count == CHUNK_LIMIT) return false;
  struct slot *chunk = calloc(CHUNK_SLOTS, sizeof *chunk);
  if (!chunk) return false;
  uint32_t number = table.chunk_count++;
  for (uint32_t i = CHUNK_SLOTS; i-- > 0;) {
    chunk[i].index = number * CHUNK_SLOTS + i;
    put_on_free_list(&chunk[i]);
  }
  atomic_store_explicit(&chunks[number], chunk, memory_order_release);
  return true;
}

static struct slot *take_from_free_list(void)
{
  struct slot *slot = NULL;
  lock_take(&table.lock);
  if (table.first_free != NO_SLOT || add_chunk()) {
    slot = slot_at(table.first_free);
    table.first_free = slot->next_free;
  }
  lock_leave(&table.lock);
  return slot;
}

struct slot *slot_claim(struct environment *owner, struct losses *losses, void *start, size_t length,
                        size_t mapped)
{
  uint64_t serial = atomic_fetch_add(&table.last_serial, 1) + 1;
  if (serial >= LAST_SERIAL) return NULL;
  struct slot *slot = take_from_free_list();
  if (!slot) return NULL;
  slot->length = length;
  atomic_store(&slot->owner, owner);
  atomic_store(&slot->losses, losses);
  atomic_store(&slot->fault, -1);
  atomic_store(&slot->holds, 2);
  atomic_store(&slot->mapped, mapped);
  /* From here on the fault handler sees the range, so all it reads has to be there before. */
  atomic_store(&slot->start, (uintptr_t)start);
  atomic_store(&slot->tag, serial * 2 + 1);
  atomic_fetch_add(&table.ranges, 1);
  return slot;
}

uint64_t slot_serial(const struct slot *slot) { return atomic_load(&slot->tag) / 2; }

struct slot *slot_find(uint32_t index, uint64_t serial, const struct environment *owner)
{
  struct slot *slot = slot_at(index);
  if (!slot || atomic_load(&slot->tag) != serial * 2 + 1) return NULL;
  return atomic_load(&slot->owner) == owner ? slot : NULL;
}

bool slot_take(struct slot *slot, uint64_t serial)
{
  uint64_t live = serial * 2 + 1;
  return atomic_compare_exchange_strong(&slot->tag, &live, serial * 2);
}

/* From the fault handler. */
static void hide(struct slot *slot)
{
  atomic_store(&slot->start, 0);
  /* A thread in the handler may have found the range just before: it is through in a moment. */
  while (atomic_load(&slot->busy) != 0)
    thread_yield();
}

void slot_hold(struct slot *slot) { atomic_fetch_add(&slot->holds, 1); }

bool slot_unseen(const struct slot *slot) { return atomic_load(&slot->holds) == 1; }

static bool take_back(void *start, size_t mapped)
{
  if (memory_unmap(start, mapped) == 0) return true;
  /* What was never covered must not keep its file. */
  return memory_cover(start, mapped) == COVER_LOST;
}

bool slot_give_back(struct slot *slot)
{
  uintptr_t start = atomic_load(&slot->start);
  if (start == 0) return true;
  hide(slot);
  bool gone = take_back((void *)start, atomic_load(&slot->mapped));
  if (gone)
    atomic_fetch_sub(&table.ranges, 1);
  else
    atomic_store(&slot->start, start);
  return gone;
}

void slot_forget_range(struct slot *slot)
{
  hide(slot);
  atomic_fetch_sub(&table.ranges, 1);
}

size_t slot_ranges(void) { return atomic_load(&table.ranges); }

void slot_drop(struct slot *slot)
{
  if (atomic_fetch_sub(&slot->holds, 1) != 1) return;
  /*
   * Addresses that the OS does not take (no memory to cut a hole) stay known, so that no one stumbles over
   * them.
   */
  if (!slot_give_back(slot)) return;
  atomic_store(&slot->tag, 0);
  lock_take(&table.lock);
  put_on_free_list(slot);
  lock_leave(&table.lock);
}

struct losses *losses_claim(void)
{
  lock_take(&table.lock);
  struct losses *losses = table.free_losses;
  if (losses) table.free_losses = losses->next_free;
  lock_leave(&table.lock);
  return losses ? losses : calloc(1, sizeof *losses);
}

void losses_drop(struct losses *losses)
{
  lock_take(&table.lock);
  losses->next_free = table.free_losses;
  table.free_losses = losses;
  lock_leave(&table.lock);
}

static bool holds_address(const struct slot *slot, uintptr_t address, uintptr_t *start)
{
  *start = atomic_load(&slot->start);
  return *start != 0 && address >= *start && address - *start < atomic_load(&slot->mapped);
}

struct slot *slot_pin(uintptr_t address, uintptr_t *start)
{
  for (uint32_t number = 0; number < CHUNK_LIMIT; number++) {
    struct slot *chunk = atomic_load_explicit(&chunks[number], memory_order_acquire);
    if (!chunk) return NULL;
    for (uint32_t i = 0; i < CHUNK_SLOTS; i++) {
      if (!holds_address(&chunk[i], address, start)) continue;
      atomic_fetch_add(&chunk[i].busy, 1);
      /* Once busy is seen, the range stays; but it may have gone between the first look and that. */
      if (holds_address(&chunk[i], address, start)) return &chunk[i];
      atomic_fetch_sub(&chunk[i].busy, 1);
    }
  }
  return NULL;
}

void slot_unpin(struct slot *slot) { atomic_fetch_sub(&slot->busy, 1); }

void slot_mark_lost(struct slot *slot, int64_t offset)
{
  int64_t known = atomic_load(&slot->fault);
  while (known < 0 || offset < known) {
    if (!atomic_compare_exchange_weak(&slot->fault, &known, offset)) continue;
    if (known < 0) atomic_fetch_add(&table.faults, 1);
    atomic_fetch_add(&atomic_load(&slot->losses)->count, 1);
    return;
  }
}

uint64_t slot_faults(void) { return atomic_load(&table.faults); }
