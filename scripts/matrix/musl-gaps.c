/*
 * What GCC's C++ library, as Debian builds it for glibc, wants of the C library and musl does not have. With these it
 * makes a libstdc++.so.6 good enough to run a Bun that was built for musl: nothing here is in the package.
 */
#include <stddef.h>
#include <sys/types.h>

char __libc_single_threaded = 0;

/* Destructors of thread-local objects: never run. */
int __cxa_thread_atexit_impl(void (*destructor)(void *), void *object, void *library)
{
  (void)destructor, (void)object, (void)library;
  return 0;
}

/* "Not found": the unwinder then asks dl_iterate_phdr(). */
int _dl_find_object(void *address, void *result)
{
  (void)address, (void)result;
  return -1;
}

size_t strftime_l(char *text, size_t room, const char *format, const void *time, void *locale);

size_t __strftime_l(char *text, size_t room, const char *format, const void *time, void *locale)
{
  return strftime_l(text, room, format, time, locale);
}

ssize_t getrandom(void *bytes, size_t length, unsigned flags);

unsigned arc4random(void)
{
  unsigned number = 0;
  (void)getrandom(&number, sizeof number, 0);
  return number;
}

/* istream::ignore(streamsize), which Debian's subset of the library leaves out. */
void *_ZNSi6ignoreEl(void *stream, long count)
{
  (void)count;
  return stream;
}

void *_ZNSt13basic_istreamIwSt11char_traitsIwEE6ignoreEl(void *stream, long count)
{
  (void)count;
  return stream;
}
