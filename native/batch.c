#define _GNU_SOURCE
#include "batch.h"

#include "outcome.h"

#include <string.h>

static bool set(napi_env env, napi_value object, const char *name, napi_value value)
{
  return napi_set_named_property(env, object, name, value) == napi_ok;
}

/* Nobody can name the memory any more. */
static void on_collected(napi_env env, void *slot, void *hint)
{
  (void)env, (void)hint;
  environment_end(slot);
}

static bool make_blank(napi_env env, const struct slot *slot, napi_value seen, napi_value *blank)
{
  napi_value index, serial;
  return napi_create_object(env, blank) == napi_ok && napi_create_uint32(env, slot->index, &index) == napi_ok &&
         napi_create_double(env, (double)slot_serial(slot), &serial) == napi_ok &&
         set(env, *blank, "slot", index) && set(env, *blank, "serial", serial) &&
         set(env, *blank, "seen", seen);
}

napi_value batch_blank(napi_env env, struct environment *environment, size_t length)
{
  struct slot *slot;
  napi_value seen, blank, nothing = NULL;
  napi_get_undefined(env, &nothing);
  if (environment_blank(environment, length, &slot) != 0) return nothing;
  if (napi_create_object(env, &seen) == napi_ok && make_blank(env, slot, seen, &blank) &&
      napi_add_finalizer(env, seen, slot, on_collected, NULL, NULL) == napi_ok)
    return blank;
  environment_end(slot);
  return nothing;
}

void batch_enter(struct task *task, struct slot *slot)
{
  if (!slot) return;
  slot_back(slot);
  slot->attached++;
  task->slot = slot;
}

void batch_leave(struct task *task)
{
  if (!task->slot) return;
  task->slot->attached--;
  environment_end(task->slot);
  task->slot = NULL;
}

/* Makes the ArrayBuffer of one file; `length` is at least 1. */
typedef napi_status make_buffer(napi_env env, struct slot *slot, char *bytes, size_t length,
                                napi_value *buffer);

static napi_status over_memory(napi_env env, struct slot *slot, char *bytes, size_t length,
                               napi_value *buffer)
{
  /* Before it is made: it may be out of use as soon as it is there. */
  slot_back(slot);
  napi_status status = outcome_external(env, slot, bytes, length, buffer);
  if (status != napi_ok && outcome_refused(status)) environment_end(slot);
  return status;
}

static napi_status on_heap(napi_env env, struct slot *slot, char *bytes, size_t length, napi_value *buffer)
{
  (void)slot;
  void *copy = outcome_on_heap(env, length, buffer);
  if (!copy) return napi_generic_failure;
  memcpy(copy, bytes, length);
  return napi_ok;
}

/* An array with the buffer of each file, null for those that have to be opened on their own. */
static napi_status make_buffers(napi_env env, struct slot *slot, const struct small_files *files,
                                make_buffer *make, napi_value *buffers)
{
  napi_value none;
  napi_status status = napi_create_array_with_length(env, files->done, buffers);
  if (status == napi_ok) status = napi_get_null(env, &none);
  char *bytes = files->bytes;
  for (size_t i = 0; status == napi_ok && i < files->done; i++) {
    int32_t length = files->lengths[i];
    napi_value buffer = none;
    if (length > 0) {
      status = make(env, slot, bytes, (size_t)length, &buffer);
      bytes += small_files_step((size_t)length);
    } else if (length == 0) {
      void *nothing;
      status = napi_create_arraybuffer(env, 0, &nothing, &buffer);
    }
    if (status == napi_ok) status = napi_set_element(env, *buffers, (uint32_t)i, buffer);
  }
  return status;
}

static bool make_answer(napi_env env, napi_value buffers, bool copied, napi_value *answer)
{
  napi_value flag;
  return napi_create_object(env, answer) == napi_ok && napi_get_boolean(env, copied, &flag) == napi_ok &&
         set(env, *answer, "buffers", buffers) && set(env, *answer, "copied", flag);
}

bool batch_make(napi_env env, const struct task *task, const struct small_files *files, napi_value *answer)
{
  napi_value buffers;
  napi_status status = napi_no_external_buffers_allowed;
  if (task->slot) status = make_buffers(env, task->slot, files, over_memory, &buffers);
  bool copied = status == napi_no_external_buffers_allowed;
  if (copied) status = make_buffers(env, NULL, files, on_heap, &buffers);
  return status == napi_ok && make_answer(env, buffers, copied, answer);
}
