/*
 * One job's work, on whatever thread: open, stat, map, populate, and undo all of it when one of them fails.
 */
#ifndef SLIDEMAP_TASK_H
#define SLIDEMAP_TASK_H

#include "environment.h"
#include "mapping.h"

struct task {
  /* Asked for. All are the caller's; `path` and `environment` must live as long as the task. */
  struct environment *environment; /* who will own the mapping */
  const char *path;                /* to open, ends in a NUL; used where `fd` is -1 */
  int fd;                          /* also answered: the one opened, -1 where that one is closed again */
  int flags;
  uint64_t offset; /* a multiple of the granularity */
  size_t length;   /* 0 maps nothing; offset + length <= 2^53 - 1 */
  bool populate;
  bool exact; /* no page but those of the range is read for the mapping, now or later */
  atomic_bool cancelled; /* may be set from any thread, any time */

  /* Answered. */
  int error;           /* a number of the OS's, 0 for none */
  const char *syscall; /* a string constant; "" for none */
  bool opened;         /* `fd` was opened by this task */
  struct file_info info;
  struct slot *slot; /* live, with both holds the caller's; NULL for no mapping */
  int64_t lost;      /* bytes from `offset` to the page that could not be read, -1 for none */
};

/*
 * Do it. Afterwards either `error` is set and nothing is left behind, or what `fd` and `slot` say is the
 * caller's.
 */
void task_run(struct task *task);

/* Undo what a task came to, and let `error` say why. */
void task_fail(struct task *task, int error, const char *syscall);

/*
 * The mapping's bytes were copied: see whether they were the file's. Without a `slot` afterwards they were not: the
 * file is too short by now, or `error` says why.
 */
void task_copied(struct task *task);

#endif
