#include "arguments.h"
#include "mapping.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Longer than the path of any OS; what is longer than the OS's own it says itself. */
enum { PATH_BYTES_MAX = 128 * 1024 };

/* More than anyone would wait for in one job. */
enum { PATHS_MAX = 65536 };

static const char *const type_names[] = {
  [napi_undefined] = "undefined", [napi_null] = "null",           [napi_boolean] = "type boolean",
  [napi_number] = "type number",  [napi_string] = "type string",  [napi_symbol] = "type symbol",
  [napi_object] = "an object",    [napi_function] = "a function", [napi_external] = "an external value",
  [napi_bigint] = "type bigint",
};

static napi_valuetype type_of(napi_env env, napi_value value)
{
  napi_valuetype type = napi_undefined;
  napi_typeof(env, value, &type);
  return type;
}

bool invalid_type(napi_env env, const char *name, const char *expected, napi_value value)
{
  char message[256];
  snprintf(message, sizeof message, "The \"%s\" argument must be %s. Received %s", name, expected,
           type_names[type_of(env, value)]);
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", message);
  return false;
}

bool invalid_range(napi_env env, const char *name, const char *expected, double value)
{
  char message[256];
  snprintf(message, sizeof message, "The value of \"%s\" is out of range. It must be %s. Received %.17g",
           name, expected, value);
  napi_throw_range_error(env, "ERR_OUT_OF_RANGE", message);
  return false;
}

napi_value throw_out_of_memory(napi_env env, const char *what)
{
  bool pending = false;
  char message[64];
  napi_is_exception_pending(env, &pending);
  if (pending) return NULL;
  snprintf(message, sizeof message, "not enough memory for %s", what);
  napi_throw_error(env, "ENOMEM", message);
  return NULL;
}

bool argument_integer(napi_env env, napi_value value, const char *name, int64_t least, int64_t most,
                      const char *what, int64_t *result)
{
  double number;
  if (napi_get_value_double(env, value, &number) != napi_ok)
    return invalid_type(env, name, "a number", value);
  /* Written so that NaN fails; every bound is a safe integer, so the comparison is exact. */
  bool inside = number >= (double)least && number <= (double)most;
  if (!inside || (double)(int64_t)number != number) return invalid_range(env, name, what, number);
  *result = (int64_t)number;
  return true;
}

bool argument_size(napi_env env, napi_value value, const char *name, uint64_t *bytes)
{
  int64_t given = 0;
  if (!argument_integer(env, value, name, 0, SAFE_INTEGER_MAX, ARGUMENT_SAFE_WORDS, &given)) return false;
  *bytes = (uint64_t)given;
  return true;
}

bool argument_range(napi_env env, napi_value offset, napi_value length, uint64_t *start, size_t *bytes)
{
  static const char words[] = "such that offset + length <= 2^53 - 1 and the range is addressable";
  uint64_t given = 0;
  if (!argument_size(env, offset, "offset", start) || !argument_size(env, length, "length", &given))
    return false;
  if (*start % memory_granularity() != 0)
    return invalid_range(env, "offset", "a multiple of the granularity", (double)*start);
  if (given > SAFE_INTEGER_MAX - *start || given > SIZE_MAX - memory_page_size())
    return invalid_range(env, "length", words, (double)given);
  *bytes = (size_t)given;
  return true;
}

bool argument_boolean(napi_env env, napi_value value, const char *name, bool *result)
{
  return napi_get_value_bool(env, value, result) == napi_ok || invalid_type(env, name, "a boolean", value);
}

bool argument_bytes(napi_env env, napi_value value, const char *name, uint8_t **bytes, size_t *length)
{
  bool is_array = false;
  napi_typedarray_type type;
  void *data = NULL;
  if (napi_is_typedarray(env, value, &is_array) != napi_ok || !is_array ||
      napi_get_typedarray_info(env, value, &type, length, &data, NULL, NULL) != napi_ok ||
      type != napi_uint8_array)
    return invalid_type(env, name, "a Uint8Array", value);
  *bytes = data;
  return true;
}

bool argument_is_nullish(napi_env env, napi_value value)
{
  napi_valuetype type = type_of(env, value);
  return type == napi_null || type == napi_undefined;
}

/* With a NUL after them; NULL with an exception pending where there is no memory. */
static char *copy_bytes(napi_env env, const uint8_t *bytes, size_t length)
{
  char *copy = malloc(length + 1);
  if (!copy) {
    throw_out_of_memory(env, "a path");
    return NULL;
  }
  if (length > 0) memcpy(copy, bytes, length);
  copy[length] = '\0';
  return copy;
}

bool argument_path(napi_env env, napi_value value, const char *name, bool required, char **path)
{
  uint8_t *bytes;
  size_t length;
  *path = NULL;
  if (!required && argument_is_nullish(env, value)) return true;
  if (!argument_bytes(env, value, name, &bytes, &length)) return false;
  if (length > PATH_BYTES_MAX) return invalid_range(env, name, "at most 131072 bytes long", (double)length);
  if (length > 0 && memchr(bytes, 0, length))
    return invalid_type(env, name, "a Uint8Array without null bytes", value);
  *path = copy_bytes(env, bytes, length);
  return *path != NULL;
}

static size_t count_nuls(const uint8_t *bytes, size_t length)
{
  size_t count = 0;
  for (size_t i = 0; i < length; i++)
    count += bytes[i] == 0;
  return count;
}

bool argument_paths(napi_env env, napi_value value, const char *name, char **paths, size_t *count)
{
  uint8_t *bytes;
  size_t length;
  if (!argument_bytes(env, value, name, &bytes, &length)) return false;
  *count = count_nuls(bytes, length);
  if (*count == 0 || *count > PATHS_MAX || bytes[length - 1] != 0)
    return invalid_range(env, name, "1 to 65536 paths, each with a null byte after it", (double)*count);
  *paths = copy_bytes(env, bytes, length);
  return *paths != NULL;
}
