/*
 * Arguments from JavaScript. Each function answers whether the value is right; if not, an exception that
 * names the argument is pending, a TypeError with ERR_INVALID_ARG_TYPE or a RangeError with ERR_OUT_OF_RANGE.
 */
#ifndef SLIDEMAP_ARGUMENTS_H
#define SLIDEMAP_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <node_api.h>

/* 2^53 - 1, the largest safe integer. */
#define SAFE_INTEGER_MAX INT64_C(9007199254740991)
#define ARGUMENT_SAFE_WORDS "an integer >= 0 and <= 2^53 - 1"

/* Throw that an argument must be something else: `expected` goes on as in "must be ...". Always false. */
bool invalid_type(napi_env env, const char *name, const char *expected, napi_value value);
bool invalid_range(napi_env env, const char *name, const char *expected, double value);

/* Throw ENOMEM where nothing is thrown yet: there is none `for what`. Always NULL. */
napi_value throw_out_of_memory(napi_env env, const char *what);

/* A whole number in [least, most]. `what` says so in words. */
bool argument_integer(napi_env env, napi_value value, const char *name, int64_t least, int64_t most,
                      const char *what, int64_t *result);

/* Bytes: a whole number in [0, 2^53 - 1]. */
bool argument_size(napi_env env, napi_value value, const char *name, uint64_t *bytes);

/* `offset` and `length` of what is to be mapped: it begins on the granularity, and can be addressed. */
bool argument_range(napi_env env, napi_value offset, napi_value length, uint64_t *start, size_t *bytes);

bool argument_boolean(napi_env env, napi_value value, const char *name, bool *result);

/* A Uint8Array. `bytes` is the array's, and good until JavaScript runs again. */
bool argument_bytes(napi_env env, napi_value value, const char *name, uint8_t **bytes, size_t *length);

/* null or undefined. */
bool argument_is_nullish(napi_env env, napi_value value);

/*
 * A path's bytes, or null where that is allowed. `path` is a copy that ends in a NUL, the caller's to free,
 * or NULL.
 */
bool argument_path(napi_env env, napi_value value, const char *name, bool required, char **path);

/*
 * Many paths in one Uint8Array, each with a NUL after it. `*paths` is a copy, the caller's to free, and
 * `*count` how many they are, at least 1.
 */
bool argument_paths(napi_env env, napi_value value, const char *name, char **paths, size_t *count);

#endif
