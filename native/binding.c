/* The addon: what lib/mapping/addon.ts describes. Arguments are checked before the first system call. */
#define _GNU_SOURCE
#include "arguments.h"
#include "heap.h"
#include "jobs.h"
#include "losses.h"
#include "outcome.h"
#include "page_cache_call.h"
#include "scan_call.h"

#include <stdlib.h>

#define WORDS_FD "an integer >= 0 and <= 2147483647"

/* The most arguments that a function of ours takes. */
enum { ARGUMENTS_MAX = 8 };

/* Read the arguments, missing ones as undefined. This environment, or NULL with an exception pending. */
static struct environment *enter(napi_env env, napi_callback_info info, napi_value values[ARGUMENTS_MAX])
{
  size_t count = ARGUMENTS_MAX;
  void *environment = NULL;
  if (napi_get_cb_info(env, info, &count, values, NULL, NULL) == napi_ok &&
      napi_get_instance_data(env, &environment) == napi_ok && environment)
    return environment;
  napi_throw_error(env, NULL, "the environment is being torn down");
  return NULL;
}

static napi_value undefined(napi_env env)
{
  napi_value value = NULL;
  napi_get_undefined(env, &value);
  return value;
}

static napi_value number(napi_env env, double of)
{
  napi_value value = NULL;
  napi_create_double(env, of, &value);
  return value;
}

static bool fd_argument(napi_env env, napi_value value, int64_t least, int *fd)
{
  int64_t given;
  const char *words = least < 0 ? "-1 or " WORDS_FD : WORDS_FD;
  if (!argument_integer(env, value, "fd", least, INT32_MAX, words, &given)) return false;
  *fd = (int)given;
  return true;
}

/* ---- run, runSync, cancel ---- */

static bool flags_argument(napi_env env, napi_value value, int *flags)
{
  static const char words[] = "made of O_NOFOLLOW, O_NOATIME and others that neither write nor create";
  int64_t given;
  if (!argument_integer(env, value, "flags", 0, INT32_MAX, words, &given)) return false;
  if (given & ~(int64_t)file_open_flags()) return invalid_range(env, "flags", words, (double)given);
  *flags = (int)given;
  return true;
}

/*
 * The seven arguments that run and runSync share. `*path` is the caller's to free, also where this answers
 * false.
 */
static bool task_arguments(napi_env env, const napi_value *values, struct task *task, char **path)
{
  *path = NULL;
  bool right = fd_argument(env, values[0], -1, &task->fd) &&
               argument_path(env, values[1], "path", task->fd < 0, path) &&
               flags_argument(env, values[2], &task->flags) &&
               argument_range(env, values[3], values[4], &task->offset, &task->length) &&
               argument_boolean(env, values[5], "populate", &task->populate) &&
               (argument_is_nullish(env, values[6]) ||
                argument_boolean(env, values[6], "exact", &task->exact));
  task->path = *path;
  return right;
}

static bool job_argument(napi_env env, napi_value value, int64_t *job)
{
  return argument_integer(env, value, "job", 0, SAFE_INTEGER_MAX, ARGUMENT_SAFE_WORDS, job);
}

static napi_value run(napi_env env, napi_callback_info info)
{
  napi_value values[ARGUMENTS_MAX];
  struct task task = { .environment = enter(env, info, values) };
  int64_t job;
  char *path;
  if (!task.environment || !job_argument(env, values[0], &job)) return NULL;
  if (task_arguments(env, values + 1, &task, &path)) return job_run(env, (double)job, &task, path);
  free(path);
  return NULL;
}

static napi_value run_sync(napi_env env, napi_callback_info info)
{
  napi_value values[ARGUMENTS_MAX], outcome = NULL;
  struct task task = { .environment = enter(env, info, values) };
  char *path = NULL;
  if (!task.environment) return NULL;
  if (task_arguments(env, values, &task, &path)) {
    task_run(&task);
    if (!outcome_make(env, &task, &outcome)) outcome = throw_out_of_memory(env, "what the OS answered");
  }
  free(path);
  return outcome;
}

static napi_value cancel(napi_env env, napi_callback_info info)
{
  napi_value values[ARGUMENTS_MAX];
  struct environment *environment = enter(env, info, values);
  int64_t job;
  if (!environment || !job_argument(env, values[0], &job)) return NULL;
  job_cancel(env, environment, (double)job);
  return undefined(env);
}

/* ---- readSmall ---- */

static napi_value read_small(napi_env env, napi_callback_info info)
{
  napi_value values[ARGUMENTS_MAX];
  struct environment *environment = enter(env, info, values);
  int64_t job, limit;
  uint8_t *bytes;
  char *paths;
  size_t count, room;
  if (!environment || !job_argument(env, values[0], &job) ||
      !argument_integer(env, values[2], "limit", 0, 1 << 30, "an integer >= 0 and <= 2^30", &limit) ||
      !argument_bytes(env, values[3], "target", &bytes, &room) ||
      !argument_paths(env, values[1], "paths", &paths, &count))
    return NULL;
  struct small_files *small = small_files_new(paths, count, (size_t)limit);
  if (!small) {
    free(paths);
    return throw_out_of_memory(env, "a batch of files");
  }
  small->bytes = (char *)bytes;
  small->room = room;
  return job_read_small(env, environment, (double)job, small, values[3]);
}

/* ---- mappings ---- */

/* The first two arguments name a mapping. `*slot` is NULL where it is not alive, or another environment's. */
static bool mapping_arguments(napi_env env, struct environment *environment, const napi_value *values,
                              struct slot **slot, uint64_t *serial)
{
  int64_t index;
  if (!environment ||
      !argument_integer(env, values[0], "slot", 0, UINT32_MAX, "an integer >= 0 and < 2^32", &index) ||
      !argument_size(env, values[1], "serial", serial))
    return false;
  *slot = slot_find((uint32_t)index, *serial, environment);
  return true;
}

/*
 * The buffer to detach: `*attached` says whether it still has the mapping's bytes. One that was detached, or
 * is null since it has been collected, has none: they are another ArrayBuffer's by now (transfer()), or no
 * one's.
 */
static bool buffer_argument(napi_env env, napi_value value, const struct slot *slot, bool *attached)
{
  static const char words[] = "the ArrayBuffer of this mapping or null";
  bool is_buffer = false;
  void *data = NULL;
  size_t length = 0;
  *attached = false;
  if (argument_is_nullish(env, value)) return true;
  if (napi_is_arraybuffer(env, value, &is_buffer) != napi_ok || !is_buffer ||
      napi_get_arraybuffer_info(env, value, &data, &length) != napi_ok)
    return invalid_type(env, "buffer", words, value);
  if (!slot || length == 0) return true;
  *attached = (uintptr_t)data == atomic_load(&slot->start) && length == slot->length;
  return *attached || invalid_type(env, "buffer", words, value);
}

static napi_value unmap(napi_env env, napi_callback_info info)
{
  napi_value values[ARGUMENTS_MAX];
  struct environment *environment = enter(env, info, values);
  struct slot *slot;
  uint64_t serial;
  bool attached;
  if (!mapping_arguments(env, environment, values, &slot, &serial) ||
      !buffer_argument(env, values[2], slot, &attached))
    return NULL;
  /*
   * From slot_take on the mapping is this call's to end, even if a collector on another thread finalizes
   * meanwhile.
   */
  if (!slot || !slot_take(slot, serial)) return number(env, -1);
  int64_t fault = atomic_load(&slot->fault);
  bool detached = attached && napi_detach_arraybuffer(env, values[2]) == napi_ok;
  environment_unmap(environment, slot, detached);
  return number(env, (double)fault);
}

static napi_value fault(napi_env env, napi_callback_info info)
{
  napi_value values[ARGUMENTS_MAX];
  struct environment *environment = enter(env, info, values);
  struct slot *slot;
  uint64_t serial;
  if (!mapping_arguments(env, environment, values, &slot, &serial)) return NULL;
  return number(env, slot ? (double)atomic_load(&slot->fault) : -1);
}

/*
 * Whole pages of a mapping: outwards, but for advice that drops pages, which is only for those wholly inside.
 */
static int advise_range(const struct slot *slot, size_t offset, size_t length, enum advice advice)
{
  size_t page = memory_page_size();
  size_t inside = advice == ADVICE_DONT_NEED ? page - 1 : 0;
  size_t to = offset + length;
  size_t first = (offset + inside) & ~(page - 1);
  size_t end = to == slot->length ? atomic_load(&slot->mapped) : (to + page - 1 - inside) & ~(page - 1);
  if (first >= end) return 0;
  return memory_advise((char *)atomic_load(&slot->start) + first, end - first, advice);
}

static napi_value advise(napi_env env, napi_callback_info info)
{
  napi_value values[ARGUMENTS_MAX];
  struct environment *environment = enter(env, info, values);
  struct slot *slot;
  uint64_t serial, offset, length;
  int64_t advice;
  if (!mapping_arguments(env, environment, values, &slot, &serial) ||
      !argument_size(env, values[2], "offset", &offset) ||
      !argument_size(env, values[3], "length", &length) ||
      !argument_integer(env, values[4], "advice", 0, ADVICE_COUNT - 1, "one of ADVICE", &advice))
    return NULL;
  if (!slot) return number(env, OS_EBADF);
  if (offset > slot->length || length > slot->length - offset) {
    invalid_range(env, "length", "such that the range lies inside the mapping", (double)length);
    return NULL;
  }
  return number(env, advise_range(slot, (size_t)offset, (size_t)length, (enum advice)advice));
}

static napi_value resident(napi_env env, napi_callback_info info)
{
  napi_value values[ARGUMENTS_MAX];
  struct environment *environment = enter(env, info, values);
  struct slot *slot;
  uint64_t serial;
  uint8_t *pages;
  size_t count;
  if (!mapping_arguments(env, environment, values, &slot, &serial) ||
      !argument_bytes(env, values[2], "pages", &pages, &count))
    return NULL;
  if (!slot) return number(env, OS_EBADF);
  size_t mapped = atomic_load(&slot->mapped);
  if (count != mapped / memory_page_size()) {
    invalid_range(env, "pages.length", "the number of pages of the mapping", (double)count);
    return NULL;
  }
  return number(env, memory_resident((void *)atomic_load(&slot->start), mapped, pages));
}

/* ---- files ---- */

static napi_value forget(napi_env env, napi_callback_info info)
{
  napi_value values[ARGUMENTS_MAX];
  struct environment *environment = enter(env, info, values);
  int fd;
  uint64_t offset, length;
  if (!environment || !fd_argument(env, values[0], 0, &fd) ||
      !argument_size(env, values[1], "offset", &offset) ||
      !argument_size(env, values[2], "length", &length))
    return NULL;
  return number(env, file_forget(fd, offset, length));
}

static napi_value close_file(napi_env env, napi_callback_info info)
{
  napi_value values[ARGUMENTS_MAX];
  struct environment *environment = enter(env, info, values);
  int fd;
  if (!environment || !fd_argument(env, values[0], 0, &fd)) return NULL;
  return job_close(env, environment, fd);
}

static napi_value close_file_sync(napi_env env, napi_callback_info info)
{
  napi_value values[ARGUMENTS_MAX];
  struct environment *environment = enter(env, info, values);
  int fd;
  if (!environment || !fd_argument(env, values[0], 0, &fd)) return NULL;
  return number(env, environment_disown(environment, fd) ? file_close(fd) : OS_EBADF);
}

/* ---- the environment ---- */

static napi_value drain(napi_env env, napi_callback_info info)
{
  napi_value values[ARGUMENTS_MAX];
  struct environment *environment = enter(env, info, values);
  if (!environment) return NULL;
  environment_drain(environment);
  return undefined(env);
}

static napi_value counters(napi_env env, napi_callback_info info)
{
  napi_value values[ARGUMENTS_MAX], result;
  struct environment *environment = enter(env, info, values);
  if (!environment || napi_create_object(env, &result) != napi_ok) return NULL;
  struct rest_counts rest = environment_resting(environment);
  const struct {
    const char *name;
    double value;
  } fields[] = {
    { "mappings", (double)atomic_load(&environment->mappings) },
    { "mappedBytes", (double)atomic_load(&environment->mapped_bytes) },
    { "resting", (double)rest.resting },
    { "restingBytes", (double)rest.resting_bytes },
    { "outlasting", (double)rest.outlasting },
    { "outlastingBytes", (double)rest.outlasting_bytes },
    { "jobs", (double)atomic_load(&environment->jobs) },
    { "faults", (double)slot_faults() },
  };
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
    if (napi_set_named_property(env, result, fields[i].name, number(env, fields[i].value)) != napi_ok)
      return NULL;
  return result;
}

/* JavaScript has ended here; jobs that still run undo what they do. */
static void on_cleanup(void *environment)
{
  job_cancel_all(environment);
  environment_close(environment);
  environment_release(environment);
}

static void on_instance_finalized(napi_env env, void *environment, void *hint)
{
  (void)hint;
  outcome_forget(env, environment);
  environment_release(environment);
}

/* The instance data and the clean-up hook have a reference each. */
static struct environment *set_up(napi_env env)
{
  struct environment *environment = environment_new();
  if (!environment) return NULL;
  if (napi_set_instance_data(env, environment, on_instance_finalized, NULL) != napi_ok) {
    environment_release(environment);
    return NULL;
  }
  environment_retain(environment);
  if (napi_add_env_cleanup_hook(env, on_cleanup, environment) == napi_ok) return environment;
  environment_release(environment);
  return NULL;
}

NAPI_MODULE_INIT()
{
  const struct {
    const char *name;
    napi_callback callback;
  } functions[] = {
    { "run", run }, { "runSync", run_sync }, { "cancel", cancel }, { "unmap", unmap }, { "fault", fault },
    { "advise", advise }, { "resident", resident }, { "forget", forget }, { "close", close_file },
    { "drain", drain }, { "counters", counters }, { "closeSync", close_file_sync },
    { "readSmall", read_small }, { "visitCache", visit_cache_call }, { "scan", scan_call },
    { "keepFreedMemory", keep_freed_memory },
  };
  const char *lacked = host_lacks();
  struct environment *environment = lacked ? NULL : set_up(env);
  napi_value losses;
  if (!environment || !losses_array(env, environment, &losses) || !outcome_prepare(env, environment)) {
    napi_throw_error(env, NULL, lacked ? lacked : "slidemap cannot set up its environment");
    return NULL;
  }
  napi_set_named_property(env, exports, "pageSize", number(env, (double)memory_page_size()));
  napi_set_named_property(env, exports, "granularity", number(env, (double)memory_granularity()));
  napi_set_named_property(env, exports, "losses", losses);
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    napi_value function;
    if (napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].callback, NULL,
                             &function) != napi_ok ||
        napi_set_named_property(env, exports, functions[i].name, function) != napi_ok)
      return NULL;
  }
  return exports;
}
