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
#include <stdint.h>

/* For a file that was not read: opened on its own it will tell why. */
enum { SMALL_FILE_ALONE = -1 };

struct small_files {
  char *paths;    /* `count` of them, one after the other, each ends in a NUL; owned, from malloc */
  size_t count;
  size_t limit;   /* bytes of a file at most; fits an int32_t */
  char *bytes;    /* where to: not owned, it must stay until the reading is over */
  size_t room;    /* bytes there */
  size_t done;    /* answered: how many were looked at; those after them found no room */
  int32_t lengths[]; /* answered: bytes of each, one after the other in `bytes`; or SMALL_FILE_ALONE */
};

/* Takes `paths` over where it succeeds; NULL where there is no memory. */
struct small_files *small_files_new(char *paths, size_t count, size_t limit);

/* Do it, on any thread; it ends soon once `cancelled` is set. */
void small_files_read(struct small_files *files, const atomic_bool *cancelled);

/* NULL is allowed. */
void small_files_free(struct small_files *files);

#endif
