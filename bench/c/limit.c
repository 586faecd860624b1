/*
 * What the machine can do: one pass over a file, looking for a byte that is not in it.
 *
 *   limit MODE FILE     MODE: whole | read | sliding | populated | ahead
 *   limit random FILE       looks at single bytes in random places: how many
 *   limit resident FILE     looks at nothing: how many bytes of it are in the page cache
 *   limit drop FILE         has the page cache forget it: how many bytes of it are in there all the same
 *
 * Prints one line of JSON: {"bytes":N,"found":N,"ns":N}. The clock covers open to close, as it does for every
 * contestant.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ABSENT 0
#define READ_SIZE ((size_t)1 << 20)
#define WINDOW_SIZE ((size_t)16 << 20)
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void *map(int fd, uint64_t offset, size_t length) {
  void *p = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, (off_t)offset);
  if (p == MAP_FAILED) fail("mmap");
  return p;
}

static int search(const void *p, size_t length) { return memchr(p, ABSENT, length) != NULL; }

static uint64_t by_reading(int fd, uint64_t *bytes) {
  char *buffer = malloc(READ_SIZE);
  if (!buffer) fail("malloc");
  uint64_t found = 0;
  ssize_t n;
  while ((n = read(fd, buffer, READ_SIZE)) > 0) {
    found += search(buffer, (size_t)n);
    *bytes += (uint64_t)n;
  }
  if (n < 0) fail("read");
  free(buffer);
  return found;
}

static uint64_t by_mapping(int fd, uint64_t size, size_t window, int populate, uint64_t *bytes) {
  uint64_t found = 0;
  for (uint64_t at = 0; at < size; at += window) {
    size_t length = size - at < window ? (size_t)(size - at) : window;
    void *p = map(fd, at, length);
    if (populate && madvise(p, length, MADV_POPULATE_READ)) fail("madvise");
    found += search(p, length);
    *bytes += length;
    munmap(p, length);
  }
  return found;
}

/*
 * What slidemap does, in C: a second thread maps and populates AHEAD windows before the one that is searched.
 *
 * `window[i % SLOTS]` belongs to the second thread until `mapped` is beyond i, then to the first one until `searched`
 * is, then to the second one again, which unmaps it. The two counts belong to `lock`, all else is written before the
 * second thread starts.
 */
#define AHEAD 2
#define SLOTS (AHEAD + 1)

struct slide {
  int fd;
  uint64_t size, count;
  void *window[SLOTS];
  uint64_t mapped, searched;
  pthread_mutex_t lock;
  pthread_cond_t moved;
};

static size_t length_of(const struct slide *s, uint64_t i) {
  uint64_t left = s->size - i * WINDOW_SIZE;
  return left < WINDOW_SIZE ? (size_t)left : WINDOW_SIZE;
}

/* Wait until `*count` is at least `goal`. */
static void wait_for(struct slide *s, const uint64_t *count, uint64_t goal) {
  pthread_mutex_lock(&s->lock);
  while (*count < goal) pthread_cond_wait(&s->moved, &s->lock);
  pthread_mutex_unlock(&s->lock);
}

static void advance(struct slide *s, uint64_t *count) {
  pthread_mutex_lock(&s->lock);
  *count += 1;
  pthread_cond_signal(&s->moved);
  pthread_mutex_unlock(&s->lock);
}

static void *map_ahead(void *argument) {
  struct slide *s = argument;
  for (uint64_t i = 0; i < s->count; i++) {
    void **slot = &s->window[i % SLOTS];
    if (i >= SLOTS) {
      wait_for(s, &s->searched, i - SLOTS + 1);
      munmap(*slot, length_of(s, i - SLOTS));
    }
    *slot = map(s->fd, i * WINDOW_SIZE, length_of(s, i));
    if (madvise(*slot, length_of(s, i), MADV_POPULATE_READ)) fail("madvise");
    advance(s, &s->mapped);
  }
  return NULL;
}

static uint64_t by_mapping_ahead(int fd, uint64_t size, uint64_t *bytes) {
  struct slide s = {.fd = fd, .size = size, .count = (size + WINDOW_SIZE - 1) / WINDOW_SIZE};
  pthread_t thread;
  pthread_mutex_init(&s.lock, NULL);
  pthread_cond_init(&s.moved, NULL);
  if (pthread_create(&thread, NULL, map_ahead, &s)) fail("pthread_create");
  uint64_t found = 0;
  for (uint64_t i = 0; i < s.count; i++) {
    wait_for(&s, &s.mapped, i + 1);
    found += search(s.window[i % SLOTS], length_of(&s, i));
    *bytes += length_of(&s, i);
    advance(&s, &s.searched);
  }
  pthread_join(thread, NULL);
  for (uint64_t i = s.count > SLOTS ? s.count - SLOTS : 0; i < s.count; i++)
    munmap(s.window[i % SLOTS], length_of(&s, i));
  return found;
}

/*
 * Bytes in random places, the same as those of bench/harness/random.mjs; `*reads` is how many. No load waits for the one
 * before it, so that the processor waits for several at a time.
 */
static void at_random(int fd, uint64_t size, uint64_t *reads) {
  const unsigned char *p = map(fd, 0, size);
  static volatile uint64_t seen;
  uint64_t sum = 0;
  uint32_t state = 1;
  for (*reads = 0; *reads < 4000000; ++*reads) {
    state = state * 1664525u + 1013904223u;
    sum += p[(uint64_t)(state / 4294967296.0 * (double)size)];
  }
  seen = sum;
  (void)seen;
  munmap((void *)p, size);
}

static uint64_t resident(int fd, uint64_t size) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = (size + page - 1) / page, in = 0;
  unsigned char *seen = malloc(pages);
  void *p = map(fd, 0, size);
  if (!seen || mincore(p, size, seen)) fail("mincore");
  for (size_t i = 0; i < pages; i++) in += seen[i] & 1;
  munmap(p, size);
  free(seen);
  return in * page > size ? size : in * page;
}

/* Pages that were not written yet would stay. */
static uint64_t drop(int fd, uint64_t size) {
  if (fsync(fd)) fail("fsync");
  int error = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  if (error) return fprintf(stderr, "posix_fadvise: %s\n", strerror(error)), exit(1), 0;
  return resident(fd, size);
}

int main(int argc, char **argv) {
  if (argc != 3) return fprintf(stderr, "usage: limit whole|read|sliding|populated|ahead|random|resident|drop FILE\n"), 2;
  const char *mode = argv[1];
  uint64_t bytes = 0, found = 0, start = now();
  int fd = open(argv[2], O_RDONLY | O_CLOEXEC);
  struct stat st;
  if (fd < 0 || fstat(fd, &st)) fail(argv[2]);
  uint64_t size = (uint64_t)st.st_size;

  if (!strcmp(mode, "whole")) found = by_mapping(fd, size, size, 0, &bytes);
  else if (!strcmp(mode, "read")) found = by_reading(fd, &bytes);
  else if (!strcmp(mode, "sliding")) found = by_mapping(fd, size, WINDOW_SIZE, 0, &bytes);
  else if (!strcmp(mode, "populated")) found = by_mapping(fd, size, WINDOW_SIZE, 1, &bytes);
  else if (!strcmp(mode, "ahead")) found = by_mapping_ahead(fd, size, &bytes);
  else if (!strcmp(mode, "random")) at_random(fd, size, &bytes);
  else if (!strcmp(mode, "drop")) bytes = drop(fd, size);
  else if (!strcmp(mode, "resident")) bytes = resident(fd, size);
  else return fprintf(stderr, "unknown mode %s\n", mode), 2;

  close(fd);
  printf("{\"bytes\":%llu,\"found\":%llu,\"ns\":%llu}\n", (unsigned long long)bytes, (unsigned long long)found,
         (unsigned long long)(now() - start));
  return 0;
}
