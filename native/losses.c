#include "losses.h"

/* The ArrayBuffer over the counter is gone: its reference goes with it. */
static void on_finalized(napi_env env, void *count, void *environment)
{
  (void)env, (void)count;
  environment_release(environment);
}

bool losses_array(napi_env env, struct environment *environment, napi_value *array)
{
  napi_value buffer;
  uint32_t *count = (uint32_t *)&environment->losses->count;
  environment_retain(environment);
  napi_status status =
      napi_create_external_arraybuffer(env, count, sizeof *count, on_finalized, environment, &buffer);
  /* Refused before anything was made: the finalizer will not run. */
  if (status == napi_no_external_buffers_allowed || status == napi_pending_exception ||
      status == napi_cannot_run_js)
    environment_release(environment);
  if (status == napi_no_external_buffers_allowed) {
    /* Mappings are copies on the heap there: nothing is ever lost. */
    void *zero;
    status = napi_create_arraybuffer(env, sizeof *count, &zero, &buffer);
  }
  return status == napi_ok && napi_create_typedarray(env, napi_uint32_array, 1, buffer, 0, array) == napi_ok;
}
