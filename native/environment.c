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

void environment_end(struct slot *slot)
{
  struct environment *environment = atomic_load(&slot->owner);
  if (slot_take(slot, slot_serial(slot))) {
    count_out(environment, slot);
    slot_give_back(slot);
    drop_range(environment, slot);
  }
  slot_drop(slot);
}

/* ---- rest ---- */

/* Under the lock. Whether the oldest range went. */
static bool give_back_oldest(struct environment *environment)
{
  struct slot *slot = environment->resting[environment->rest_first];
  if (!slot_give_back(slot)) return false;
  environment->rest_first = (environment->rest_first + 1) % REST_COUNT;
  environment->rest_count--;
  environment->rest_bytes -= atomic_load(&slot->mapped);
  drop_range(environment, slot);
  return true;
}

/* Let a covered range rest, with its hold. False where there is no room for it. */
static bool rest(struct environment *environment, struct slot *slot)
{
  size_t bytes = atomic_load(&slot->mapped);
  size_t limit = environment->rest_limit;
  if (bytes > limit) return false;
  lock_take(&environment->rest_lock);
  while (environment->rest_count == REST_COUNT || environment->rest_bytes > limit - bytes)
    if (!give_back_oldest(environment)) break;
  bool room = environment->rest_count < REST_COUNT;
  if (room) {
    environment->resting[(environment->rest_first + environment->rest_count++) % REST_COUNT] = slot;
    environment->rest_bytes += bytes;
  }
  lock_leave(&environment->rest_lock);
  return room;
}

void environment_unmap(struct environment *environment, struct slot *slot, bool detached)
{
  count_out(environment, slot);
  void *start = (void *)atomic_load(&slot->start);
  enum cover covered = memory_cover(start, atomic_load(&slot->mapped));
  if (covered == COVER_LOST) slot_forget_range(slot);
  if (covered == COVER_REFUSED) slot_give_back(slot);
  if (covered == COVER_DONE && detached && !environment->closing) {
    if (rest(environment, slot)) return;
    slot_give_back(slot);
  }
  drop_range(environment, slot);
}

bool environment_drain(struct environment *environment)
{
  lock_take(&environment->rest_lock);
  bool any = environment->rest_count > 0;
  while (environment->rest_count > 0 && give_back_oldest(environment))
    continue;
  lock_leave(&environment->rest_lock);
  return any;
}

void environment_resting(struct environment *environment, size_t *count, size_t *bytes)
{
  lock_take(&environment->rest_lock);
  *count = environment->rest_count;
  *bytes = environment->rest_bytes;
  lock_leave(&environment->rest_lock);
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
