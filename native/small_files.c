#define _GNU_SOURCE
#include "small_files.h"

#include "mapping.h"

#include <stdlib.h>
#include <string.h>

struct small_files *small_files_new(char *paths, size_t count, size_t limit)
{
  struct small_files *files = calloc(1, sizeof *files + count * sizeof *files->lengths);
  if (!files) return NULL;
  files->paths = paths;
  files->count = count;
  files->limit = limit;
  return files;
}

void small_files_free(struct small_files *files)
{
  if (!files) return;
  free(files->paths);
  free(files);
}

/*
 * All of a file that has `length` bytes. False where it ends before them, or cannot be read.
 *
 * A read that a truncation overtakes may answer zeros to the end of the page, as if they were the file's: only where
 * the last byte is zero need that be looked at.
 */
static bool read_whole(int fd, char *bytes, size_t length)
{
  for (size_t done = 0; done < length;) {
    size_t got = 0;
    if (file_read(fd, done, bytes + done, length - done, &got) != 0 || got == 0) return false;
    done += got;
  }
  if (length == 0 || bytes[length - 1] != 0) return true;
  struct file_info now;
  const char *syscall;
  return file_stat(fd, &now, &syscall) == 0 && now.size >= length;
}

/* Whether its size is its content's. */
static bool is_plain(int fd, const struct file_info *info)
{
  return info->kind == KIND_FILE && !(info->unallocated && file_is_pseudo(fd, info->size));
}

/* What an open file comes to. False where it would be read if there were more room. */
static bool read_open(int fd, size_t limit, char *bytes, size_t room, int32_t *length)
{
  struct file_info info;
  const char *syscall;
  if (file_stat(fd, &info, &syscall) != 0 || info.size > limit || !is_plain(fd, &info)) return true;
  if (info.size > room) return false;
  if (read_whole(fd, bytes, (size_t)info.size)) *length = (int32_t)info.size;
  return true;
}

void small_files_read(struct small_files *files, const atomic_bool *cancelled)
{
  const char *path = files->paths;
  char *bytes = files->bytes;
  size_t room = files->room;
  for (; files->done < files->count && !atomic_load(cancelled); files->done++) {
    int32_t length = SMALL_FILE_ALONE;
    int fd;
    if (file_open(path, 0, &fd) == 0) {
      bool fits = read_open(fd, files->limit, bytes, room, &length);
      file_close(fd);
      if (!fits) return;
    }
    files->lengths[files->done] = length;
    if (length > 0) {
      bytes += length;
      room -= (size_t)length;
    }
    path += strlen(path) + 1;
  }
}
