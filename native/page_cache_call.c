#include "page_cache_call.h"

#include "arguments.h"
#include "jobs.h"
#include "page_cache.h"

static bool is_bytes(double number)
{
  return number >= 0 && number <= (double)SAFE_INTEGER_MAX && number == (double)(uint64_t)number;
}

/* `*numbers` is the array's, and good until JavaScript runs again. */
static bool ranges_argument(napi_env env, napi_value value, double **numbers, size_t *count)
{
  static const char words[] = "a Float64Array of pairs of offset and length";
  bool is_array = false;
  napi_typedarray_type type;
  void *data = NULL;
  if (napi_is_typedarray(env, value, &is_array) != napi_ok || !is_array ||
      napi_get_typedarray_info(env, value, &type, count, &data, NULL, NULL) != napi_ok ||
      type != napi_float64_array || *count % 2 != 0)
    return invalid_type(env, "forget", words, value);
  *numbers = data;
  for (size_t i = 0; i < *count; i++)
    if (!is_bytes((*numbers)[i])) return invalid_range(env, "forget", words, (*numbers)[i]);
  return true;
}

napi_value visit_cache_call(napi_env env, napi_callback_info info)
{
  size_t count = 5, numbers = 0;
  napi_value values[5];
  void *environment = NULL;
  int64_t job, fd;
  uint64_t offset;
  size_t length;
  double *forget = NULL;
  if (napi_get_cb_info(env, info, &count, values, NULL, NULL) != napi_ok ||
      napi_get_instance_data(env, &environment) != napi_ok || !environment ||
      !argument_integer(env, values[0], "job", 0, SAFE_INTEGER_MAX, ARGUMENT_SAFE_WORDS, &job) ||
      !argument_integer(env, values[1], "fd", 0, INT32_MAX, "an integer >= 0 and <= 2147483647", &fd) ||
      !argument_range(env, values[2], values[3], &offset, &length) ||
      !ranges_argument(env, values[4], &forget, &numbers))
    return NULL;
  struct cache_visit *visit = cache_visit_new(numbers / 2);
  if (!visit) return throw_out_of_memory(env, "a list of ranges");
  visit->fd = (int)fd;
  visit->offset = offset;
  visit->length = length;
  for (size_t i = 0; i < visit->forget_count; i++)
    visit->forget[i] = (struct cache_range){ (uint64_t)forget[2 * i], (uint64_t)forget[2 * i + 1] };
  return job_visit_cache(env, environment, (double)job, visit);
}
