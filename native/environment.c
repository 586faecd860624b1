#define _GNU_SOURCE
#include "environment.h"

#include "fault_guard.h"
#include "mapping.h"

#include <stdlib.h>
#include <string.h>

struct environment *environment_new(void)
{
  struct environment *environment = calloc(1, sizeof *environment);
  if (!environment) return NULL;
  environment->losses = losses_claim();
  if (!environment->losses) {
    free(environment);
    return NULL;
  }
  atomic_store(&environment->references, 1);
  lock_init(&environment->rest_lock);
  environment->rest_limit = memory_rest_limit();
  environment->range_limit = memory_range_limit();
  environment->outlast_limit = memory_outlast_limit();
  return environment;
}

void environment_retain(struct environment *environment) { atomic_fetch_add(&environment->references, 1); }

void environment_release(struct environment *environment)
{
  if (atomic_fetch_sub(&environment->references, 1) != 1) return;
  losses_drop(environment->losses);
  free(environment->descriptors);
  free(environment);
}

static void close_descriptors(struct environment *environment)
{
  for (size_t word = 0; word < environment->descriptor_words; word++)
    for (int bit = 0; bit < 64; bit++)
      if (environment->descriptors[word] >> bit & 1) file_close((int)(word * 64) + bit);
  free(environment->descriptors);
  environment->descriptors = NULL;
  environment->descriptor_words = 0;
}

void environment_close(struct environment *environment)
{
  environment->closing = true;
  close_descriptors(environment);
  environment_drain(environment);
}

/* ---- mappings ---- */

static size_t whole_pages(size_t length)
{
  size_t page = memory_page_size();
  return (length + page - 1) & ~(page - 1);
}

/* What the OS says where there are no mappings left is said before the rest of the process has none. */
static int map_within_limit(struct environment *environment, int fd, uint64_t offset, size_t length,
                            void **start)
{
  if (slot_ranges() >= environment->range_limit) return OS_ENOMEM;
  return memory_map(fd, offset, length, start);
}

int environment_map(struct environment *environment, int fd, uint64_t offset, size_t length,
                    struct slot **slot)
{
  guard_install();
  void *start;
  int error = map_within_limit(environment, fd, offset, length, &start);
  /* What rests takes address space, and counts against the OS's limit of mappings. */
  if (error == OS_ENOMEM && environment_drain(environment))
    error = map_within_limit(environment, fd, offset, length, &start);
  if (error) return error;
  size_t mapped = whole_pages(length);
  *slot = slot_claim(environment, environment->losses, start, length, mapped);
  if (!*slot) {
    memory_unmap(start, mapped);
    return OS_ENOMEM;
  }
  /* For the range's hold, and for the memory's. */
  environment_retain(environment);
  environment_retain(environment);
  atomic_fetch_add(&environment->mappings, 1);
  atomic_fetch_add(&environment->mapped_bytes, mapped);
  return 0;
}

static void count_out(struct environment *environment, const struct slot *slot)
{
  atomic_fetch_sub(&environment->mappings, 1);
  atomic_fetch_sub(&environment->mapped_bytes, atomic_load(&slot->mapped));
}

/* Drop the range's hold, and the reference that came with it. */
static void drop_range(struct environment *environment, struct slot *slot)
{
  slot_drop(slot);
  environment_release(environment);
}

/* ---- rest ---- */

/* What outlasted its rest in all environments: each changes it under its own lock. */
static struct {
  atomic_size_t count;
  atomic_size_t bytes;
} outlasting_everywhere;

/* The rest of this section up to drop_sight is under the lock. */

static void append(struct rest_list *list, struct slot *slot)
{
  slot->older = list->newest;
  slot->newer = NULL;
  *(list->newest ? &list->newest->newer : &list->oldest) = slot;
  list->newest = slot;
  list->count++;
  list->bytes += atomic_load(&slot->mapped);
}

static void take_out(struct rest_list *list, struct slot *slot)
{
  *(slot->older ? &slot->older->newer : &list->oldest) = slot->newer;
  *(slot->newer ? &slot->newer->older : &list->newest) = slot->older;
  list->count--;
  list->bytes -= atomic_load(&slot->mapped);
}

/* Whether the range went, and its slot from the list. The caller holds a reference to the environment. */
static bool give_back(struct environment *environment, struct rest_list *list, struct slot *slot)
{
  if (!slot_give_back(slot)) return false;
  take_out(list, slot);
  if (slot->outlasting) {
    atomic_fetch_sub(&outlasting_everywhere.count, 1);
    atomic_fetch_sub(&outlasting_everywhere.bytes, atomic_load(&slot->mapped));
    slot->outlasting = false;
  }
  drop_range(environment, slot);
  return true;
}

static bool may_outlast(const struct environment *environment, size_t bytes)
{
  size_t limit = environment->outlast_limit;
  return bytes <= limit && atomic_load(&outlasting_everywhere.count) < OUTLAST_COUNT &&
         atomic_load(&outlasting_everywhere.bytes) <= limit - bytes;
}

/* Whether so many bytes may outlast their rest, if need be in the place of others here. */
static bool make_room(struct environment *environment, size_t bytes)
{
  struct rest_list *list = &environment->outlasting;
  while (!may_outlast(environment, bytes))
    if (!list->oldest || !give_back(environment, list, list->oldest)) return false;
  return true;
}

/* The oldest range has rested: it goes, or stays for as long as it is seen. Whether it did either. */
static bool end_rest(struct environment *environment)
{
  struct slot *slot = environment->resting.oldest;
  size_t bytes = atomic_load(&slot->mapped);
  if (slot_unseen(slot) || !make_room(environment, bytes))
    return give_back(environment, &environment->resting, slot);
  take_out(&environment->resting, slot);
  append(&environment->outlasting, slot);
  slot->outlasting = true;
  atomic_fetch_add(&outlasting_everywhere.count, 1);
  atomic_fetch_add(&outlasting_everywhere.bytes, bytes);
  return true;
}

static bool rest(struct environment *environment, struct slot *slot)
{
  size_t bytes = atomic_load(&slot->mapped);
  size_t limit = environment->rest_limit;
  if (bytes > limit) return false;
  struct rest_list *resting = &environment->resting;
  while (resting->count >= REST_COUNT || resting->bytes > limit - bytes)
    if (!end_rest(environment)) return false;
  append(resting, slot);
  return true;
}

/*
 * Drop the hold of somebody who saw the range, and the reference that came with it. The last one to see a
 * range that has rested gives it back.
 */
static void drop_sight(struct environment *environment, struct slot *slot)
{
  lock_take(&environment->rest_lock);
  /* Read before the hold goes: only while the range's is there too, the slot is sure to be this one still. */
  bool rested = slot->outlasting;
  slot_drop(slot);
  if (rested && slot_unseen(slot)) give_back(environment, &environment->outlasting, slot);
  lock_leave(&environment->rest_lock);
  environment_release(environment);
}

/* ---- the end of a mapping ---- */

void environment_end(struct slot *slot)
{
  struct environment *environment = atomic_load(&slot->owner);
  if (slot_take(slot, slot_serial(slot))) {
    count_out(environment, slot);
    slot_give_back(slot);
    drop_range(environment, slot);
  }
  drop_sight(environment, slot);
}

void environment_watch(struct slot *slot)
{
  environment_retain(atomic_load(&slot->owner));
  slot_hold(slot);
}

void environment_unwatch(struct slot *slot) { drop_sight(atomic_load(&slot->owner), slot); }

void environment_unmap(struct environment *environment, struct slot *slot, bool detached)
{
  count_out(environment, slot);
  void *start = (void *)atomic_load(&slot->start);
  enum cover covered = memory_cover(start, atomic_load(&slot->mapped));
  if (covered == COVER_LOST) slot_forget_range(slot);
  if (covered == COVER_REFUSED) slot_give_back(slot);
  if (covered == COVER_DONE && detached && !environment->closing) {
    lock_take(&environment->rest_lock);
    bool rests = rest(environment, slot);
    lock_leave(&environment->rest_lock);
    if (rests) return;
    slot_give_back(slot);
  }
  drop_range(environment, slot);
}

/* Under the lock. */
static void drain(struct environment *environment, struct rest_list *list)
{
  while (list->oldest && give_back(environment, list, list->oldest))
    continue;
}

bool environment_drain(struct environment *environment)
{
  lock_take(&environment->rest_lock);
  bool any = environment->resting.count + environment->outlasting.count > 0;
  drain(environment, &environment->resting);
  drain(environment, &environment->outlasting);
  lock_leave(&environment->rest_lock);
  return any;
}

struct rest_counts environment_resting(struct environment *environment)
{
  lock_take(&environment->rest_lock);
  struct rest_counts counts = {
    .resting = environment->resting.count,
    .resting_bytes = environment->resting.bytes,
    .outlasting = environment->outlasting.count,
    .outlasting_bytes = environment->outlasting.bytes,
  };
  lock_leave(&environment->rest_lock);
  return counts;
}

/* ---- descriptors ---- */

bool environment_adopt(struct environment *environment, int fd)
{
  size_t word = (size_t)fd / 64;
  if (word >= environment->descriptor_words) {
    size_t words = (word + 1) * 2;
    uint64_t *grown = realloc(environment->descriptors, words * sizeof *grown);
    if (!grown) return false;
    memset(grown + environment->descriptor_words, 0, (words - environment->descriptor_words) * sizeof *grown);
    environment->descriptors = grown;
    environment->descriptor_words = words;
  }
  environment->descriptors[word] |= (uint64_t)1 << fd % 64;
  return true;
}

bool environment_disown(struct environment *environment, int fd)
{
  size_t word = (size_t)fd / 64;
  uint64_t bit = (uint64_t)1 << fd % 64;
  if (fd < 0 || word >= environment->descriptor_words || !(environment->descriptors[word] & bit))
    return false;
  environment->descriptors[word] &= ~bit;
  return true;
}
