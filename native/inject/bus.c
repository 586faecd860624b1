/*
 * For tests only: somebody else in the process who has a handler of SIGBUS, and mappings of their own.
 *
 *   handle(how)     install a handler: 'plain' and 'siginfo' put a page of zeros where it faulted and count;
 *                   'ignore', 'default'; 'once' reports, and asks not to be called again (SA_RESETHAND);
 *                   'chain' counts and passes on to who had it before
 *   handled()       how many signals reached the handlers of this file
 *   foreign(path)   map the first two pages of a file
 *   touch(page)     read the first byte of one of these pages; answers it
 *   hoard()         take all mappings that the OS has left for this process; unhoard() gives them back
 *   onLittleStack() read it on a thread whose stack has 64 KiB, with no alternate one
 */
#define _GNU_SOURCE
#include "inject.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGES = 2 };

static char *foreign_start;            /* written on the main thread before anybody touches it */
static atomic_int handled_count;
static struct sigaction before_chain;
static volatile sig_atomic_t touched;  /* the page that touch() reads */

static size_t page_size(void) { return (size_t)sysconf(_SC_PAGESIZE); }

static void put_zeros(char *page)
{
  mmap(page, page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

static void on_plain(int number)
{
  (void)number;
  atomic_fetch_add(&handled_count, 1);
  put_zeros(foreign_start + (size_t)touched * page_size());
}

static void on_siginfo(int number, siginfo_t *info, void *context)
{
  (void)number, (void)context;
  atomic_fetch_add(&handled_count, 1);
  put_zeros((char *)((uintptr_t)info->si_addr & ~(uintptr_t)(page_size() - 1)));
}

static void on_chain(int number, siginfo_t *info, void *context)
{
  atomic_fetch_add(&handled_count, 1);
  if (before_chain.sa_flags & SA_SIGINFO) before_chain.sa_sigaction(number, info, context);
}

/* As of a crash reporter: says that it was here and leaves the rest to the next fault. */
static void on_nothing(int number, siginfo_t *info, void *context)
{
  (void)number, (void)info, (void)context;
  static const char words[] = "reported\n";
  if (write(STDOUT_FILENO, words, sizeof words - 1) < 0) _exit(3);
}

static napi_value number_of(napi_env env, int value)
{
  napi_value result = NULL;
  napi_create_int32(env, value, &result);
  return result;
}

static napi_value handle(napi_env env, napi_callback_info info)
{
  size_t count = 1;
  napi_value value;
  char how[16] = "";
  napi_get_cb_info(env, info, &count, &value, NULL, NULL);
  napi_get_value_string_utf8(env, value, how, sizeof how, NULL);
  struct sigaction action = { .sa_flags = SA_SIGINFO };
  if (strcmp(how, "plain") == 0) action = (struct sigaction){ .sa_handler = on_plain };
  if (strcmp(how, "siginfo") == 0) action.sa_sigaction = on_siginfo;
  if (strcmp(how, "chain") == 0) action.sa_sigaction = on_chain;
  if (strcmp(how, "once") == 0)
    action = (struct sigaction){ .sa_sigaction = on_nothing, .sa_flags = SA_SIGINFO | SA_RESETHAND };
  /* With a flag that says nothing of them. */
  if (strcmp(how, "ignore") == 0) action.sa_handler = SIG_IGN;
  if (strcmp(how, "default") == 0) action.sa_handler = SIG_DFL;
  struct sigaction before;
  sigaction(SIGBUS, &action, &before);
  if (strcmp(how, "chain") == 0) before_chain = before;
  return number_of(env, 0);
}

static napi_value handled(napi_env env, napi_callback_info info)
{
  (void)info;
  return number_of(env, atomic_load(&handled_count));
}

static napi_value foreign(napi_env env, napi_callback_info info)
{
  size_t count = 1;
  napi_value value;
  char path[4096] = "";
  napi_get_cb_info(env, info, &count, &value, NULL, NULL);
  napi_get_value_string_utf8(env, value, path, sizeof path, NULL);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  void *at = mmap(NULL, PAGES * page_size(), PROT_READ, MAP_PRIVATE, fd, 0);
  close(fd);
  foreign_start = at == MAP_FAILED ? NULL : at;
  return number_of(env, foreign_start != NULL);
}

static napi_value touch(napi_env env, napi_callback_info info)
{
  size_t count = 1;
  napi_value value;
  int32_t page = 0;
  napi_get_cb_info(env, info, &count, &value, NULL, NULL);
  napi_get_value_int32(env, value, &page);
  touched = page;
  return number_of(env, *(volatile unsigned char *)(foreign_start + (size_t)page * page_size()));
}

static void *read_byte(void *at) { return (void *)(uintptr_t)*(volatile unsigned char *)at; }

/* Read a byte of memory that is JavaScript's, on a thread of our own with little stack; the byte, -1 for none. */
static napi_value on_little_stack(napi_env env, napi_callback_info info)
{
  size_t count = 1, length = 0;
  napi_value value;
  void *data = NULL, *byte = NULL;
  pthread_attr_t little;
  pthread_t thread;
  napi_get_cb_info(env, info, &count, &value, NULL, NULL);
  if (napi_get_typedarray_info(env, value, NULL, &length, &data, NULL, NULL) != napi_ok) return NULL;
  pthread_attr_init(&little);
  pthread_attr_setstacksize(&little, 64 << 10);
  int error = pthread_create(&thread, &little, read_byte, data);
  if (error == 0) pthread_join(thread, &byte);
  pthread_attr_destroy(&little);
  return number_of(env, error ? -1 : (int)(uintptr_t)byte);
}

/* ---- mappings, all there are ---- */

enum { HOARD_PAGES = 1 << 18, HOARD_LAST = 1024 };
static char *hoarded;
static void *hoarded_last[HOARD_LAST];
static int hoarded_count;

/* Take every mapping that the OS has left for this process, or most: pages side by side that may not join. */
static napi_value hoard(napi_env env, napi_callback_info info)
{
  (void)info;
  size_t page = page_size();
  int pieces = 0;
  if (!hoarded) {
    void *at = mmap(NULL, HOARD_PAGES * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    hoarded = at == MAP_FAILED ? NULL : at;
    for (size_t i = 1; hoarded && i < HOARD_PAGES; i += 2, pieces += 2)
      if (mprotect(hoarded + i * page, page, PROT_READ) != 0) break;
  }
  /* The last of them one by one; shared ones never join. */
  while (hoarded_count < HOARD_LAST) {
    void *at = mmap(NULL, page, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) break;
    hoarded_last[hoarded_count++] = at;
  }
  return number_of(env, pieces);
}

static napi_value unhoard(napi_env env, napi_callback_info info)
{
  (void)info;
  while (hoarded_count > 0)
    munmap(hoarded_last[--hoarded_count], page_size());
  if (hoarded) munmap(hoarded, HOARD_PAGES * page_size());
  hoarded = NULL;
  return number_of(env, 0);
}

void bus_functions(napi_env env, napi_value inject)
{
  inject_function(env, inject, "hoard", hoard);
  inject_function(env, inject, "unhoard", unhoard);
  inject_function(env, inject, "handle", handle);
  inject_function(env, inject, "handled", handled);
  inject_function(env, inject, "foreign", foreign);
  inject_function(env, inject, "touch", touch);
  inject_function(env, inject, "onLittleStack", on_little_stack);
}
