/* The counter of losses, where JavaScript reads it. */
#ifndef SLIDEMAP_LOSSES_H
#define SLIDEMAP_LOSSES_H

#include "environment.h"

#include <node_api.h>
#include <stdbool.h>

/* A Uint32Array over the environment's counter; it holds a reference to the environment. */
bool losses_array(napi_env env, struct environment *environment, napi_value *array);

#endif
