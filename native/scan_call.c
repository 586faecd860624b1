#include "scan_call.h"

#include "arguments.h"
#include "scan.h"

static bool positions_argument(napi_env env, napi_value value, uint32_t **positions, size_t *count)
{
  bool is_array = false;
  napi_typedarray_type type;
  void *data = NULL;
  if (napi_is_typedarray(env, value, &is_array) != napi_ok || !is_array ||
      napi_get_typedarray_info(env, value, &type, count, &data, NULL, NULL) != napi_ok ||
      type != napi_uint32_array)
    return invalid_type(env, "positions", "a Uint32Array", value);
  *positions = data;
  return true;
}

/* The memory of all three is JavaScript's, which does not run meanwhile: none can be detached or collected. */
napi_value scan_call(napi_env env, napi_callback_info info)
{
  size_t count = 3;
  napi_value values[3], result;
  uint8_t *bytes = NULL, *delimiter = NULL;
  uint32_t *positions = NULL;
  size_t length = 0, width = 0, most = 0;
  if (napi_get_cb_info(env, info, &count, values, NULL, NULL) != napi_ok ||
      !argument_bytes(env, values[0], "bytes", &bytes, &length) ||
      !argument_bytes(env, values[1], "delimiter", &delimiter, &width) ||
      !positions_argument(env, values[2], &positions, &most))
    return NULL;
  if (length > UINT32_MAX) {
    invalid_range(env, "bytes.length", "below 2^32", (double)length);
    return NULL;
  }
  if (width == 0) {
    invalid_range(env, "delimiter.length", "1 or more", 0);
    return NULL;
  }
  size_t found = length > 0 ? scan(bytes, length, delimiter, width, positions, most) : 0;
  return napi_create_uint32(env, (uint32_t)found, &result) == napi_ok ? result : NULL;
}
