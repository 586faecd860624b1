#define _GNU_SOURCE
#include "small_files.h"

#include "mapping.h"

#include <stdlib.h>
#include <string.h>

struct small_files *small_files_new(char *paths, size_t count, size_t limit, size_t room)
{
  struct small_files *files = calloc(1, sizeof *files + count * sizeof *files->files);
  if (!files) return NULL;
  files->paths = paths;
  files->count = count;
  files->limit = limit;
  files->room = room;
  return files;
}

void small_files_free(struct small_files *files)
{
  if (!files) return;
  for (size_t i = 0; i < files->done; i++)
    free(files->files[i].bytes);
  free((char *)files->paths);
  free(files);
}

/* All of a file that has `length` bytes. False where it ends before them, or cannot be read. */
static bool read_whole(int fd, struct small_file *file, size_t length)
{
  char *bytes = length > 0 ? malloc(length) : NULL;
  if (length > 0 && !bytes) return false;
  for (size_t done = 0; done < length;) {
    size_t got = 0;
    if (file_read(fd, done, bytes + done, length - done, &got) != 0 || got == 0) {
      free(bytes);
      return false;
    }
    done += got;
  }
  *file = (struct small_file){ .bytes = bytes, .length = length, .read = true };
  return true;
}

/* Whether its size is its content's. */
static bool is_plain(int fd, const struct file_info *info)
{
  return info->kind == KIND_FILE && !(info->unallocated && file_is_pseudo(fd, info->size));
}

/*
 * One file. False where it would be read if there were more room: then nothing was noted of it.
 */
static bool look_at(const char *path, size_t limit, size_t room, struct small_file *file)
{
  struct file_info info;
  const char *syscall;
  int fd;
  *file = (struct small_file){ 0 };
  if (file_open(path, 0, &fd) != 0) return true;
  bool small = file_stat(fd, &info, &syscall) == 0 && info.size <= limit && is_plain(fd, &info);
  bool fits = !small || info.size <= room;
  if (small && fits) read_whole(fd, file, (size_t)info.size);
  file_close(fd);
  return fits;
}

void small_files_read(struct small_files *files, const atomic_bool *cancelled)
{
  const char *path = files->paths;
  for (; files->done < files->count && !atomic_load(cancelled); files->done++) {
    struct small_file *file = &files->files[files->done];
    if (!look_at(path, files->limit, files->room, file)) return;
    files->room -= file->length;
    path += strlen(path) + 1;
  }
}
