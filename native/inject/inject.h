/* For tests only: see inject.c. */
#ifndef SLIDEMAP_INJECT_H
#define SLIDEMAP_INJECT_H

#include <node_api.h>

void inject_function(napi_env env, napi_value object, const char *name, napi_callback callback);

/* Handlers of SIGBUS and mappings that are not slidemap's: see bus.c. */
void bus_functions(napi_env env, napi_value inject);

#endif
