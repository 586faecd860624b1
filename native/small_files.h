/*
 * Small files, whole and many in one go: each is opened, read and closed in its turn, so that one hop to the
 * thread pool serves all of them and no more than one descriptor is held.
 *
 * There is no Node-API in here.
 */
#ifndef SLIDEMAP_SMALL_FILES_H
#define SLIDEMAP_SMALL_FILES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct small_file {
  char *bytes; /* owned, from malloc; NULL for a file that was not read, and one that is empty */
  size_t length;
  bool read; /* false: to be opened on its own, which will tell why it could not be read here */
};

struct small_files {
  const char *paths; /* `count` of them, one after the other, each ends in a NUL; owned, from malloc */
  size_t count;
  size_t limit; /* bytes of a file at most */
  size_t room;  /* bytes of all together at most */
  size_t done;  /* answered: how many were looked at; those after them found no room */
  struct small_file files[];
};

/*
 * Takes `paths` over where it succeeds; NULL where there is no memory.
 */
struct small_files *small_files_new(char *paths, size_t count, size_t limit, size_t room);

/* Do it, on any thread; it ends soon once `cancelled` is set. */
void small_files_read(struct small_files *files, const atomic_bool *cancelled);

/* Free it, with the bytes that are still its own. NULL is allowed. */
void small_files_free(struct small_files *files);

#endif
