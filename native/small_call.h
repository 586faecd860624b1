/*
 * Small files as JavaScript calls for them: blank(length) makes memory, readSmall(job, paths, limit, room, slot, serial,
 * offset) reads into it, detach(slot, serial, buffer) ends one of the buffers over it. See Addon in
 * lib/mapping/addon.ts.
 */
#ifndef SLIDEMAP_SMALL_CALL_H
#define SLIDEMAP_SMALL_CALL_H

#include <node_api.h>

napi_value blank_call(napi_env env, napi_callback_info info);
napi_value read_small_call(napi_env env, napi_callback_info info);
napi_value detach_call(napi_env env, napi_callback_info info);

#endif
