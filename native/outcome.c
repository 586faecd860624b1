#define _GNU_SOURCE
#include "outcome.h"

#include <string.h>

/* The mapping as an outcome tells of it. Zeros name no mapping: serials begin at 1. */
struct view {
  napi_value buffer; /* NULL for none */
  uint32_t slot;
  uint64_t serial;
  bool copied;
};

static void on_finalized(napi_env env, void *data, void *slot)
{
  (void)env, (void)data;
  environment_end(slot);
}

static void on_collected(napi_env env, void *slot, void *hint)
{
  (void)env, (void)hint;
  environment_unwatch(slot);
}

static napi_status create_external(napi_env env, struct slot *slot, napi_value *buffer)
{
#ifdef SLIDEMAP_NO_EXTERNAL_BUFFERS
  (void)env, (void)slot, (void)buffer, (void)on_finalized, (void)on_collected;
  return napi_no_external_buffers_allowed;
#else
  void *start = (void *)atomic_load(&slot->start);
  napi_status status =
      napi_create_external_arraybuffer(env, start, slot->length, on_finalized, slot, buffer);
  if (status != napi_ok) return status;
  environment_watch(slot);
  if (napi_add_finalizer(env, *buffer, slot, on_collected, NULL, NULL) != napi_ok) environment_unwatch(slot);
  return napi_ok;
#endif
}

/* Whether the runtime refused before it made anything: then the finalizer will never run. */
static bool refused(napi_status status)
{
  return status == napi_no_external_buffers_allowed || status == napi_pending_exception ||
         status == napi_cannot_run_js || status == napi_invalid_arg;
}

/*
 * Make an ArrayBuffer on the heap; NULL where there is no memory for it. By its constructor, which throws then:
 * napi_create_arraybuffer() would end the process.
 */
static void *create_on_heap(napi_env env, size_t length, napi_value *buffer)
{
  napi_value global, constructor, size, error;
  void *bytes;
  size_t made;
  if (napi_get_global(env, &global) == napi_ok &&
      napi_get_named_property(env, global, "ArrayBuffer", &constructor) == napi_ok &&
      napi_create_double(env, (double)length, &size) == napi_ok &&
      napi_new_instance(env, constructor, 1, &size, buffer) == napi_ok &&
      napi_get_arraybuffer_info(env, *buffer, &bytes, &made) == napi_ok && made == length)
    return bytes;
  napi_get_and_clear_last_exception(env, &error);
  return NULL;
}

/*
 * Where external buffers are forbidden (Electron): the bytes on the heap. NULL, and no mapping, where they were not
 * the file's any more, or where there is no memory. Else the task keeps its mapping.
 */
static napi_value copy_mapping(napi_env env, struct task *task)
{
  napi_value buffer;
  void *bytes = create_on_heap(env, task->slot->length, &buffer);
  if (!bytes) {
    task_fail(task, OS_ENOMEM, "malloc");
    return NULL;
  }
  memcpy(bytes, (const void *)atomic_load(&task->slot->start), task->slot->length);
  task_copied(task);
  return task->slot ? buffer : NULL;
}

/* Make an ArrayBuffer of the mapping. The task has none afterwards, whatever is answered. */
static napi_status make_buffer(napi_env env, struct task *task, struct view *view)
{
  struct slot *slot = task->slot;
  uint64_t serial = slot_serial(slot);
  napi_status status = create_external(env, slot, &view->buffer);
  if (status == napi_ok) {
    view->slot = slot->index;
    view->serial = serial;
    task->slot = NULL;
    return napi_ok;
  }
  if (status == napi_no_external_buffers_allowed) {
    view->buffer = copy_mapping(env, task);
    view->copied = view->buffer != NULL;
    if (task->slot) environment_end(task->slot);
    status = napi_ok;
  } else if (refused(status)) {
    environment_end(slot);
  } else if (slot_take(slot, serial)) {
    /* It made something after all: the finalizer will run, if it did not yet, and drop the buffer's hold. */
    environment_unmap(task->environment, slot, false);
  }
  task->slot = NULL;
  return status;
}

/*
 * What makes an outcome of its parts. In JavaScript: one call of that takes as long as setting two properties by
 * their names from here, and an outcome has a dozen.
 */
static const char maker[] =
    "((errno, syscall, fd, kind, size, dev, ino, mtimeNs, slot, serial, buffer, lost, copied) => {"
    " const outcome = { errno, syscall, fd, kind, size, dev, ino, mtimeNs, slot, serial };"
    " if (buffer !== undefined) outcome.buffer = buffer;"
    " if (lost !== undefined) outcome.lost = lost;"
    " if (copied !== undefined) outcome.copied = copied;"
    " return outcome })";

enum {
  PART_ERRNO, PART_SYSCALL, PART_FD, PART_KIND, PART_SIZE,
  PART_DEV, PART_INO, PART_MTIME, PART_SLOT, PART_SERIAL,
  PART_BUFFER, PART_LOST, PART_COPIED, PART_COUNT
};

bool outcome_prepare(napi_env env, struct environment *environment)
{
  napi_value source, function;
  return napi_create_string_utf8(env, maker, NAPI_AUTO_LENGTH, &source) == napi_ok &&
         napi_run_script(env, source, &function) == napi_ok &&
         napi_create_reference(env, function, 1, &environment->outcome_maker) == napi_ok;
}

void outcome_forget(napi_env env, struct environment *environment)
{
  if (environment->outcome_maker) napi_delete_reference(env, environment->outcome_maker);
  environment->outcome_maker = NULL;
}

/* Parts that there are none of are undefined. */
static bool make_parts(napi_env env, const struct task *task, const struct view *view, napi_value *parts)
{
  const struct file_info *info = &task->info;
  napi_value nothing;
  if (napi_get_undefined(env, &nothing) != napi_ok) return false;
  parts[PART_BUFFER] = view->buffer ? view->buffer : nothing;
  parts[PART_LOST] = parts[PART_COPIED] = nothing;
  return napi_create_int32(env, task->error, &parts[PART_ERRNO]) == napi_ok &&
         napi_create_string_utf8(env, task->syscall, NAPI_AUTO_LENGTH, &parts[PART_SYSCALL]) == napi_ok &&
         napi_create_int32(env, task->fd, &parts[PART_FD]) == napi_ok &&
         napi_create_int32(env, info->kind, &parts[PART_KIND]) == napi_ok &&
         napi_create_double(env, (double)info->size, &parts[PART_SIZE]) == napi_ok &&
         napi_create_bigint_uint64(env, info->dev, &parts[PART_DEV]) == napi_ok &&
         napi_create_bigint_uint64(env, info->ino, &parts[PART_INO]) == napi_ok &&
         napi_create_bigint_int64(env, info->mtime_ns, &parts[PART_MTIME]) == napi_ok &&
         (task->lost < 0 || napi_create_double(env, (double)task->lost, &parts[PART_LOST]) == napi_ok) &&
         napi_create_uint32(env, view->slot, &parts[PART_SLOT]) == napi_ok &&
         napi_create_double(env, (double)view->serial, &parts[PART_SERIAL]) == napi_ok &&
         (!view->copied || napi_get_boolean(env, true, &parts[PART_COPIED]) == napi_ok);
}

static bool make(napi_env env, const struct task *task, const struct view *view, napi_value *outcome)
{
  napi_value parts[PART_COUNT], nothing, function = NULL;
  napi_ref reference = task->environment->outcome_maker;
  return reference && napi_get_reference_value(env, reference, &function) == napi_ok && function &&
         napi_get_undefined(env, &nothing) == napi_ok && make_parts(env, task, view, parts) &&
         napi_call_function(env, nothing, function, PART_COUNT, parts, outcome) == napi_ok;
}

/* Give the descriptor that the task opened to the environment. False where the task has failed of that. */
static bool hand_over_descriptor(struct task *task)
{
  if (!task->opened || task->fd < 0) return true;
  if (task->environment->closing)
    task_fail(task, OS_ECANCELED, "");
  else if (!environment_adopt(task->environment, task->fd))
    task_fail(task, OS_ENOMEM, "open");
  return task->fd >= 0;
}

/* Nobody will be told of this mapping: its pages go now, its addresses when the collector has the buffer. */
static void abandon_view(struct environment *environment, struct view *view)
{
  struct slot *slot = view->serial ? slot_find(view->slot, view->serial, environment) : NULL;
  if (slot && slot_take(slot, view->serial)) environment_unmap(environment, slot, false);
  *view = (struct view){ 0 };
}

void outcome_abandon(struct task *task)
{
  if (task->opened && environment_disown(task->environment, task->fd)) file_close(task->fd);
}

bool outcome_make(napi_env env, struct task *task, napi_value *outcome)
{
  struct view view = { 0 };
  if (task->slot && make_buffer(env, task, &view) != napi_ok) {
    task_fail(task, OS_ECANCELED, "");
    return false;
  }
  if (!hand_over_descriptor(task)) abandon_view(task->environment, &view);
  if (make(env, task, &view, outcome)) return true;
  abandon_view(task->environment, &view);
  outcome_abandon(task);
  return false;
}
