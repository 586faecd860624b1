/*
 * cache_visit() as JavaScript calls it: visitCache(job, fd, offset, length, forget) answers the promise of a
 * Float64Array, or of null where it was cancelled before it began. Ranges are pairs of offset and length.
 */
#ifndef SLIDEMAP_PAGE_CACHE_CALL_H
#define SLIDEMAP_PAGE_CACHE_CALL_H

#include <node_api.h>

napi_value visit_cache_call(napi_env env, napi_callback_info info);

#endif
