#define _GNU_SOURCE
#include "task.h"

/* Pages of 2 MiB are mapped whole only when no step ends inside one. */
enum { POPULATE_STEP = 2 << 20 };

/* End the mapping, which nobody has seen yet. */
static void unmap(struct task *task)
{
  if (task->slot) environment_end(task->slot);
  task->slot = NULL;
}

void task_fail(struct task *task, int error, const char *syscall)
{
  unmap(task);
  if (task->opened && task->fd >= 0) {
    file_close(task->fd);
    task->fd = -1;
  }
  task->error = error;
  task->syscall = syscall;
}

/* Note what failed; false, for `return fail(...)`. */
static bool fail(struct task *task, int error, const char *syscall)
{
  task->error = error;
  task->syscall = syscall;
  return false;
}

static bool go_on(struct task *task)
{
  return !atomic_load(&task->cancelled) || fail(task, OS_ECANCELED, "");
}

static bool open_file(struct task *task)
{
  if (task->fd >= 0) return true;
  int error = file_open(task->path, task->flags, &task->fd);
  if (error) return fail(task, error, "open");
  task->opened = true;
  return true;
}

static bool look(struct task *task)
{
  const char *syscall;
  int error = file_stat(task->fd, &task->info, &syscall);
  return error ? fail(task, error, syscall) : true;
}

/* Stat, and where this job is the first to see the file, find out whether its size is to be trusted. */
static bool inspect(struct task *task)
{
  if (!look(task)) return false;
  bool first = task->opened || task->length == 0;
  if (!first || !task->info.unallocated || !file_is_pseudo(task->fd, task->info.size)) return true;
  /* A file that was truncated or written to in between looks like one, too: it has another size now. */
  uint64_t size = task->info.size;
  if (!look(task)) return false;
  if (task->info.size == size) task->info.kind = KIND_PSEUDO;
  return true;
}

static bool mappable(const struct task *task)
{
  return task->info.kind == KIND_FILE || task->info.kind == KIND_BLOCK;
}

static bool reaches_range(const struct task *task) { return task->info.size >= task->offset + task->length; }

/* Look at each page of a range. The fault guard turns what cannot be had into a mark. */
static int touch(struct slot *slot, char *at, size_t length)
{
  size_t page = memory_page_size();
  for (size_t done = 0; done < length && atomic_load(&slot->fault) < 0; done += page)
    (void)*(volatile char *)(at + done);
  return atomic_load(&slot->fault) >= 0 ? OS_EFAULT : 0;
}

/*
 * Bytes of the next step, which begins at this address: up to a boundary between large pages. No more: while one step
 * is looked at, the disk reads the next one ahead.
 */
static size_t step_at(uintptr_t address, size_t remaining)
{
  size_t step = POPULATE_STEP - address % POPULATE_STEP;
  return step < remaining ? step : remaining;
}

/* The first page of a step that cannot be had. */
static char *find_lost(char *at, size_t step)
{
  size_t page = memory_page_size(), done = 0;
  while (done + page < step && memory_populate(at + done, page) == 0)
    done += page;
  return at + done;
}

static int populate_step(struct task *task, char *at, size_t step)
{
  struct slot *slot = task->slot;
  int error = memory_populate(at, step);
  if (error == OS_EFAULT) task->lost = find_lost(at, step) - (char *)atomic_load(&slot->start);
  if (error && error != OS_ENOSYS) return error;
  /* Whatever there is to wait for, is waited for here: next would be the event loop. */
  if (error == 0 && memory_at_hand(at, step)) return 0;
  error = touch(slot, at, step);
  if (error) task->lost = atomic_load(&slot->fault);
  return error;
}

static int populate(struct task *task)
{
  char *start = (char *)atomic_load(&task->slot->start), *at = start;
  size_t remaining = atomic_load(&task->slot->mapped);
  while (remaining > 0) {
    if (atomic_load(&task->cancelled)) return OS_ECANCELED;
    size_t step = step_at((uintptr_t)at, remaining);
    int error = populate_step(task, at, step);
    if (error) return error;
    at += step;
    remaining -= step;
  }
  return 0;
}

/* Say how the mapping's pages are to be read where they are missing. */
static void expect(const struct task *task)
{
  void *start = (void *)atomic_load(&task->slot->start);
  size_t length = atomic_load(&task->slot->mapped);
  if (task->exact)
    memory_advise(start, length, ADVICE_RANDOM);
  else if (task->populate)
    memory_expect(start, length);
}

/* Stat once more. */
static bool look_again(struct task *task)
{
  enum file_kind kind = task->info.kind;
  if (!look(task)) return false;
  task->info.kind = kind;
  return true;
}

/*
 * Stat once more, as what counts is the size with the range mapped. False where the page is lost to an I/O
 * error.
 */
static bool settle(struct task *task, bool lost_page)
{
  if (!look_again(task)) return false;
  if (!reaches_range(task))
    unmap(task);
  else if (lost_page)
    return fail(task, OS_EIO, "madvise");
  return true;
}

/* More often than that a file is not cut short between two looks at it: something else is wrong. */
enum { MAP_ATTEMPTS = 100 };

/* Map the range if the file has it: it may have changed since it was looked at. */
static bool map_range(struct task *task)
{
  int error = OS_EFAULT;
  for (int attempt = 0; error == OS_EFAULT && attempt < MAP_ATTEMPTS; attempt++) {
    if (!reaches_range(task)) return true;
    error = environment_map(task->environment, task->fd, task->offset, task->length, &task->slot);
    if (error == OS_EFAULT && !(look_again(task) && go_on(task))) return false;
  }
  return !error || fail(task, error, "mmap");
}

static bool map(struct task *task)
{
  if (task->length == 0 || !mappable(task)) return true;
  if (!map_range(task)) return false;
  if (!task->slot) return true;
  expect(task);
  int error = task->populate ? populate(task) : 0;
  if (error == OS_ECANCELED) return fail(task, error, "");
  if (error && error != OS_EFAULT) return fail(task, error, "madvise");
  return settle(task, error == OS_EFAULT);
}

void task_run(struct task *task)
{
  task->syscall = "";
  task->lost = -1;
  bool done = go_on(task) && open_file(task) && go_on(task) && inspect(task) && go_on(task) && map(task);
  if (!done) task_fail(task, task->error, task->syscall);
}

void task_copied(struct task *task)
{
  task->lost = atomic_load(&task->slot->fault);
  /* Asked in any case: what is cut off within a page reads as zeros, and is no fault. */
  if (!settle(task, task->lost >= 0)) task_fail(task, task->error, task->syscall);
}
