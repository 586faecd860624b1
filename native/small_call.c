#include "small_call.h"

#include "arguments.h"
#include "batch.h"
#include "jobs.h"
#include "mapping.h"

#include <stdlib.h>

enum { SMALL_MAX = 1 << 30 };
#define WORDS_SMALL "an integer >= 0 and <= 2^30"

/* Two arguments that name a mapping. `*slot` is NULL where it is not alive, or another environment's. */
static bool slot_arguments(napi_env env, struct environment *environment, const napi_value *values,
                           struct slot **slot)
{
  int64_t index;
  uint64_t serial;
  if (!argument_integer(env, values[0], "slot", 0, UINT32_MAX, "an integer >= 0 and < 2^32", &index) ||
      !argument_size(env, values[1], "serial", &serial))
    return false;
  *slot = slot_find((uint32_t)index, serial, environment);
  return true;
}

napi_value blank_call(napi_env env, napi_callback_info info)
{
  napi_value length_value;
  struct environment *environment = argument_values(env, info, 1, &length_value);
  int64_t length;
  if (!environment ||
      !argument_integer(env, length_value, "length", 1, BLANK_MAX, "an integer >= 1 and <= 2^31", &length))
    return NULL;
  return batch_blank(env, environment, (size_t)length);
}

/* Where to read to: slot, serial and offset. `*slot` is NULL where that is no live memory. */
static bool place_arguments(napi_env env, struct environment *environment, const napi_value *values,
                            struct small_files *small, struct slot **slot)
{
  uint64_t offset;
  if (!slot_arguments(env, environment, values, slot) || !argument_size(env, values[2], "offset", &offset))
    return false;
  if (!*slot) return true;
  size_t length = (*slot)->length, span = small_files_span(small);
  if (!(*slot)->blank || offset > length || span > length - offset || offset % memory_page_size() != 0)
    return invalid_range(env, "offset", "whole pages, and such that the files find room in blank memory",
                         (double)offset);
  small->bytes = (char *)atomic_load(&(*slot)->start) + offset;
  return true;
}

napi_value read_small_call(napi_env env, napi_callback_info info)
{
  napi_value values[7];
  struct environment *environment = argument_values(env, info, 7, values);
  int64_t job, limit, room;
  char *paths;
  size_t count;
  if (!environment ||
      !argument_integer(env, values[0], "job", 0, SAFE_INTEGER_MAX, ARGUMENT_SAFE_WORDS, &job) ||
      !argument_integer(env, values[2], "limit", 0, SMALL_MAX, WORDS_SMALL, &limit) ||
      !argument_integer(env, values[3], "room", 0, SMALL_MAX, WORDS_SMALL, &room) ||
      !argument_paths(env, values[1], "paths", &paths, &count))
    return NULL;
  struct small_files *small = small_files_new(paths, count, (size_t)limit, (size_t)room);
  if (!small) {
    free(paths);
    return throw_out_of_memory(env, "a batch of files");
  }
  struct slot *slot;
  if (place_arguments(env, environment, values + 4, small, &slot))
    return job_read_small(env, environment, (double)job, small, slot);
  small_files_free(small);
  return NULL;
}

/* Whether it is one of several buffers over a mapping still. */
static bool part_argument(napi_env env, napi_value value, const struct slot *slot)
{
  bool is_buffer = false;
  void *data = NULL;
  size_t length = 0;
  if (napi_is_arraybuffer(env, value, &is_buffer) != napi_ok || !is_buffer ||
      napi_get_arraybuffer_info(env, value, &data, &length) != napi_ok)
    return invalid_type(env, "buffer", "an ArrayBuffer of this mapping", value);
  if (!slot || length == 0) return false;
  uintptr_t from = (uintptr_t)data - atomic_load(&slot->start);
  return from < slot->length && length <= slot->length - from;
}

napi_value detach_call(napi_env env, napi_callback_info info)
{
  napi_value values[3];
  struct environment *environment = argument_values(env, info, 3, values);
  struct slot *slot;
  if (environment && slot_arguments(env, environment, values, &slot) && part_argument(env, values[2], slot) &&
      napi_detach_arraybuffer(env, values[2]) == napi_ok)
    slot->attached--;
  return NULL;
}
