/*
 * What the machine can do: one pass over a file, looking for a byte that is not in it.
 *
 *   limit MODE FILE     MODE: whole | read | sliding | populated | resident
 *
 * Prints one line of JSON: {"bytes":N,"found":N,"ns":N}; for `resident`, bytes are those in the page cache.
 * The clock covers open to close, as it does for every contestant.
 */
#define _GNU_SOURCE
#include <fcntl.h>
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

static uint64_t resident(int fd, uint64_t size) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = (size + page - 1) / page, in = 0;
  unsigned char *seen = malloc(pages);
  void *p = map(fd, 0, size);
  if (!seen || mincore(p, size, seen)) fail("mincore");
  for (size_t i = 0; i < pages; i++) in += seen[i] & 1;
  return in * page > size ? size : in * page;
}

int main(int argc, char **argv) {
  if (argc != 3) return fprintf(stderr, "usage: limit whole|read|sliding|populated|resident FILE\n"), 2;
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
  else if (!strcmp(mode, "resident")) bytes = resident(fd, size);
  else return fprintf(stderr, "unknown mode %s\n", mode), 2;

  close(fd);
  printf("{\"bytes\":%llu,\"found\":%llu,\"ns\":%llu}\n", (unsigned long long)bytes, (unsigned long long)found,
         (unsigned long long)(now() - start));
  return 0;
}
