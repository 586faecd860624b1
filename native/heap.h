/* The C library's heap, as far as copies live in it. */
#ifndef SLIDEMAP_HEAP_H
#define SLIDEMAP_HEAP_H

#include "node_api.h"

/* See `keepFreedMemory` in lib/mapping/addon.ts. */
napi_value keep_freed_memory(napi_env env, napi_callback_info info);

#endif
