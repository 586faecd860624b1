/*
 * For tests only: the addon with calls of the OS, of the heap and of Node-API that fail when they are told to.
 *
 * The addon's own sources are compiled as they are. The linker puts these functions in the place of what they
 * call (ld --wrap), so that nothing of this is in the binary that is shipped. See scripts/build-inject.mjs.
 *
 * JavaScript finds `inject` among the exports:
 *   kinds                      names of the kinds of calls, in the order of the numbers below
 *   arm(first, last, errors)   let the calls from number `first` to number `last` fail, counted from now on over
 *                              the kinds that have an error in `errors`: an Int32Array, by kind, 0 for none.
 *                              An error is an errno, or a napi_status for the kinds of Node-API
 *   disarm()                   how many failed, by kind: an Int32Array
 *   counts()                   how many were made since the process began, by kind
 */
#define _GNU_SOURCE
#include "inject.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>

/* The addon's own is renamed by a define, so that this one can stand in front of it. */
napi_value slidemap_register(napi_env env, napi_value exports);
#undef napi_register_module_v1

enum kind {
  OPEN,
  CLOSE,
  FSTAT,
  LSEEK,
  PREAD,
  MMAP,
  COVER, /* mmap over a range that is mapped already */
  MUNMAP,
  MADVISE,
  MINCORE,
  FADVISE,
  MEMORY,   /* malloc, calloc, realloc */
  EXTERNAL, /* napi_create_external_arraybuffer */
  DETACH,   /* napi_detach_arraybuffer */
  NAPI,     /* what else of Node-API makes something */
  KIND_COUNT
};

static const char *const kind_names[KIND_COUNT] = {
  "open",   "close",   "fstat",     "lseek",  "pread",    "mmap",   "cover", "munmap",
  "madvise", "mincore", "posix_fadvise", "memory", "external", "detach", "napi",
};

/* Read on any thread, the fault handler's included: atomics only. */
static _Atomic int errors[KIND_COUNT];
static atomic_long counts[KIND_COUNT];
static atomic_long failed[KIND_COUNT];
static atomic_long seen;
static atomic_long first_failing = LONG_MAX;
static atomic_long last_failing;

/* The error that this call is to fail with, 0 for none. */
static int failure_of(enum kind kind)
{
  atomic_fetch_add(&counts[kind], 1);
  int error = atomic_load(&errors[kind]);
  if (error == 0) return 0;
  long number = atomic_fetch_add(&seen, 1) + 1;
  if (number < atomic_load(&first_failing) || number > atomic_load(&last_failing)) return 0;
  atomic_fetch_add(&failed[kind], 1);
  return error;
}

static bool fails(enum kind kind)
{
  int error = failure_of(kind);
  if (error == 0) return false;
  errno = error;
  return true;
}

/* ---- the OS ---- */

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...) { return fails(OPEN) ? -1 : __real_open(path, flags); }

int __real_close(int fd);
int __wrap_close(int fd)
{
  /* It is gone in any case, as on Linux. */
  int result = __real_close(fd);
  return fails(CLOSE) ? -1 : result;
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
  va_list list;
  va_start(list, number);
  long first = va_arg(list, long), second = va_arg(list, long);
  va_end(list);
  /* fstat is all that the addon asks the kernel for by number. */
  return fails(FSTAT) ? -1 : __real_syscall(number, first, second);
}

off_t __real_lseek(int fd, off_t offset, int from);
off_t __wrap_lseek(int fd, off_t offset, int from)
{
  return fails(LSEEK) ? -1 : __real_lseek(fd, offset, from);
}

ssize_t __real_pread(int fd, void *bytes, size_t length, off_t offset);
ssize_t __wrap_pread(int fd, void *bytes, size_t length, off_t offset)
{
  return fails(PREAD) ? -1 : __real_pread(fd, bytes, length, offset);
}

void *__real_mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset)
{
  if (fails(flags & MAP_FIXED ? COVER : MMAP)) return MAP_FAILED;
  return __real_mmap(at, length, protection, flags, fd, offset);
}

int __real_munmap(void *at, size_t length);
int __wrap_munmap(void *at, size_t length) { return fails(MUNMAP) ? -1 : __real_munmap(at, length); }

int __real_madvise(void *at, size_t length, int advice);
int __wrap_madvise(void *at, size_t length, int advice)
{
  return fails(MADVISE) ? -1 : __real_madvise(at, length, advice);
}

int __real_mincore(void *at, size_t length, unsigned char *pages);
int __wrap_mincore(void *at, size_t length, unsigned char *pages)
{
  return fails(MINCORE) ? -1 : __real_mincore(at, length, pages);
}

int __real_posix_fadvise(int fd, off_t offset, off_t length, int advice);
int __wrap_posix_fadvise(int fd, off_t offset, off_t length, int advice)
{
  int error = failure_of(FADVISE);
  return error ? error : __real_posix_fadvise(fd, offset, length, advice);
}

/* ---- the heap ---- */

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size) { return fails(MEMORY) ? NULL : __real_malloc(size); }

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size) { return fails(MEMORY) ? NULL : __real_calloc(count, size); }

void *__real_realloc(void *block, size_t size);
void *__wrap_realloc(void *block, size_t size) { return fails(MEMORY) ? NULL : __real_realloc(block, size); }

/* ---- Node-API ---- */

#define WRAP_NAPI(kind, name, parameters, arguments)                                                         \
  napi_status __real_##name parameters;                                                                      \
  napi_status __wrap_##name parameters                                                                       \
  {                                                                                                          \
    int error = failure_of(kind);                                                                            \
    return error ? (napi_status)error : __real_##name arguments;                                             \
  }

WRAP_NAPI(EXTERNAL, napi_create_external_arraybuffer,
          (napi_env env, void *data, size_t length, napi_finalize finalize, void *hint, napi_value *result),
          (env, data, length, finalize, hint, result))
WRAP_NAPI(DETACH, napi_detach_arraybuffer, (napi_env env, napi_value buffer), (env, buffer))
WRAP_NAPI(NAPI, napi_create_async_work,
          (napi_env env, napi_value resource, napi_value name, napi_async_execute_callback execute,
           napi_async_complete_callback complete, void *data, napi_async_work *work),
          (env, resource, name, execute, complete, data, work))
WRAP_NAPI(NAPI, napi_queue_async_work, (node_api_basic_env env, napi_async_work work), (env, work))
WRAP_NAPI(NAPI, napi_create_promise, (napi_env env, napi_deferred *deferred, napi_value *promise),
          (env, deferred, promise))
WRAP_NAPI(NAPI, napi_create_reference, (napi_env env, napi_value value, uint32_t count, napi_ref *result),
          (env, value, count, result))
WRAP_NAPI(NAPI, napi_create_arraybuffer, (napi_env env, size_t length, void **data, napi_value *result),
          (env, length, data, result))
WRAP_NAPI(NAPI, napi_create_typedarray,
          (napi_env env, napi_typedarray_type type, size_t length, napi_value buffer, size_t offset,
           napi_value *result),
          (env, type, length, buffer, offset, result))
WRAP_NAPI(NAPI, napi_create_object, (napi_env env, napi_value *result), (env, result))
WRAP_NAPI(NAPI, napi_call_function,
          (napi_env env, napi_value self, napi_value function, size_t count, const napi_value *values,
           napi_value *result),
          (env, self, function, count, values, result))

/* ---- what JavaScript sees ---- */

static napi_value throw_misuse(napi_env env)
{
  napi_throw_type_error(env, NULL, "arm(first, last, an Int32Array with an error for each kind)");
  return NULL;
}

static napi_value arm(napi_env env, napi_callback_info info)
{
  size_t count = 3, length = 0;
  napi_value values[3], nothing;
  int64_t first, last;
  napi_typedarray_type type;
  void *data;
  if (napi_get_cb_info(env, info, &count, values, NULL, NULL) != napi_ok || count != 3 ||
      napi_get_value_int64(env, values[0], &first) != napi_ok ||
      napi_get_value_int64(env, values[1], &last) != napi_ok ||
      napi_get_typedarray_info(env, values[2], &type, &length, &data, NULL, NULL) != napi_ok ||
      type != napi_int32_array || length != KIND_COUNT)
    return throw_misuse(env);
  atomic_store(&first_failing, LONG_MAX);
  for (int kind = 0; kind < KIND_COUNT; kind++) {
    atomic_store(&failed[kind], 0);
    atomic_store(&errors[kind], ((int32_t *)data)[kind]);
  }
  atomic_store(&seen, 0);
  atomic_store(&last_failing, last);
  atomic_store(&first_failing, first);
  napi_get_undefined(env, &nothing);
  return nothing;
}

static napi_value numbers(napi_env env, atomic_long *values)
{
  void *data;
  napi_value buffer, array = NULL;
  if (__real_napi_create_arraybuffer(env, KIND_COUNT * sizeof(int32_t), &data, &buffer) != napi_ok) return NULL;
  for (int kind = 0; kind < KIND_COUNT; kind++)
    ((int32_t *)data)[kind] = (int32_t)atomic_load(&values[kind]);
  __real_napi_create_typedarray(env, napi_int32_array, KIND_COUNT, buffer, 0, &array);
  return array;
}

static napi_value disarm(napi_env env, napi_callback_info info)
{
  (void)info;
  for (int kind = 0; kind < KIND_COUNT; kind++)
    atomic_store(&errors[kind], 0);
  return numbers(env, failed);
}

static napi_value count_calls(napi_env env, napi_callback_info info)
{
  (void)info;
  return numbers(env, counts);
}

void inject_function(napi_env env, napi_value object, const char *name, napi_callback callback)
{
  napi_value function;
  if (napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, NULL, &function) == napi_ok)
    napi_set_named_property(env, object, name, function);
}

NAPI_MODULE_EXPORT napi_value napi_register_module_v1(napi_env env, napi_value exports)
{
  napi_value inject, kinds, name;
  if (!slidemap_register(env, exports) || __real_napi_create_object(env, &inject) != napi_ok ||
      napi_create_array(env, &kinds) != napi_ok)
    return NULL;
  for (uint32_t kind = 0; kind < KIND_COUNT; kind++)
    if (napi_create_string_utf8(env, kind_names[kind], NAPI_AUTO_LENGTH, &name) == napi_ok)
      napi_set_element(env, kinds, kind, name);
  napi_set_named_property(env, inject, "kinds", kinds);
  inject_function(env, inject, "arm", arm);
  inject_function(env, inject, "disarm", disarm);
  inject_function(env, inject, "counts", count_calls);
  bus_functions(env, inject);
  napi_set_named_property(env, exports, "inject", inject);
  return exports;
}
