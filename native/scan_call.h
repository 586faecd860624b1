/*
 * scan() as JavaScript calls it: scan(bytes, delimiter, positions) answers how many delimiters it found.
 */
#ifndef SLIDEMAP_SCAN_CALL_H
#define SLIDEMAP_SCAN_CALL_H

#include <node_api.h>

napi_value scan_call(napi_env env, napi_callback_info info);

#endif
