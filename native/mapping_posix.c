/* mapping.h for Linux and macOS. */
#define _GNU_SOURCE
/*
 * Where off_t has 64 bits anyway, asking for them would only rename the imported symbols, and musl has no
 * such names.
 */
#if !defined(__LP64__) && !defined(_FILE_OFFSET_BITS)
#define _FILE_OFFSET_BITS 64
#endif

#include "mapping.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/syscall.h>
#include <time.h>
#endif
#ifdef __APPLE__
#include <dlfcn.h>
#endif

_Static_assert(sizeof(off_t) == 8, "offsets have 64 bits");

const char *host_lacks(void) { return NULL; }

/* ---- files ---- */

int file_open_flags(void)
{
  int flags = O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW | O_DIRECTORY | O_NOCTTY | O_SYNC;
#ifdef O_NOATIME
  flags |= O_NOATIME;
#endif
#ifdef O_DSYNC
  flags |= O_DSYNC;
#endif
  return flags;
}

int file_open(const char *path, int flags, int *fd)
{
  int got;
  do
    got = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | flags);
  while (got < 0 && errno == EINTR);
  if (got < 0) return errno;
  *fd = got;
  return 0;
}

int file_close(int fd)
{
  /* After EINTR the descriptor is gone on Linux and macOS: closing it again could close someone else's. */
  return close(fd) == 0 || errno == EINTR ? 0 : errno;
}

static int stat_descriptor(int fd, struct stat *found)
{
#if defined(__linux__) && defined(__LP64__)
  /*
   * The symbol fstat would ask for glibc 2.33; the kernel's structure is the C library's where longs have 64
   * bits.
   */
  return (int)syscall(SYS_fstat, fd, found);
#else
  return fstat(fd, found);
#endif
}

static enum file_kind kind_of(mode_t mode)
{
  if (S_ISREG(mode)) return KIND_FILE;
  if (S_ISDIR(mode)) return KIND_DIRECTORY;
  if (S_ISBLK(mode)) return KIND_BLOCK;
  return KIND_OTHER;
}

/* The capacity of a block device. The descriptor may be the program's own, so its position is put back. */
static int capacity(int fd, uint64_t *size)
{
  off_t before = lseek(fd, 0, SEEK_CUR);
  off_t end = before < 0 ? -1 : lseek(fd, 0, SEEK_END);
  if (end < 0 || lseek(fd, before, SEEK_SET) < 0) return errno;
  *size = (uint64_t)end;
  return 0;
}

int file_stat(int fd, struct file_info *info, const char **syscall_name)
{
  struct stat found;
  *syscall_name = "fstat";
  if (stat_descriptor(fd, &found) != 0) return errno;
  uint64_t size = (uint64_t)found.st_size;
  if (S_ISBLK(found.st_mode)) {
    *syscall_name = "lseek";
    int error = capacity(fd, &size);
    if (error) return error;
  }
#ifdef __APPLE__
  struct timespec mtime = found.st_mtimespec;
#else
  struct timespec mtime = found.st_mtim;
#endif
  *info = (struct file_info){
    .kind = kind_of(found.st_mode),
    .size = size,
    .dev = (uint64_t)found.st_dev,
    .ino = (uint64_t)found.st_ino,
    .mtime_ns = (int64_t)mtime.tv_sec * 1000000000 + mtime.tv_nsec,
    .unallocated = S_ISREG(found.st_mode) && found.st_blocks == 0,
  };
  *syscall_name = "";
  return 0;
}

bool file_is_pseudo(int fd, uint64_t size)
{
  char byte;
  ssize_t got;
  do
    got = pread(fd, &byte, 1, size > 0 ? (off_t)(size - 1) : 0);
  while (got < 0 && errno == EINTR);
  /*
   * Where nothing is on a disk, a disk's failure is not to be expected: this is one that makes its bytes up.
   */
  if (got < 0) return true;
  return (got > 0) != (size > 0);
}

int file_read(int fd, uint64_t offset, void *bytes, size_t length, size_t *got)
{
  ssize_t count;
  do
    count = pread(fd, bytes, length, (off_t)offset);
  while (count < 0 && errno == EINTR);
  if (count < 0) return errno;
  *got = (size_t)count;
  return 0;
}

bool file_forgets(void)
{
#ifdef __APPLE__
  return false;
#else
  return true;
#endif
}

int file_forget(int fd, uint64_t offset, uint64_t length)
{
#ifdef __APPLE__
  (void)fd, (void)offset, (void)length;
  return OS_ENOSYS;
#else
  return posix_fadvise(fd, (off_t)offset, (off_t)length, POSIX_FADV_DONTNEED);
#endif
}

/* ---- memory ---- */

/*
 * Readable, and writable so that a program which writes into its window takes a page of its own and lives on.
 */
enum { PROTECTION = PROT_READ | PROT_WRITE };
#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif

#if defined(__linux__) && !defined(MADV_POPULATE_READ)
#define MADV_POPULATE_READ 22
#endif

#ifdef __linux__
enum { LARGE_PAGE = 2 << 20 };
#endif

size_t memory_page_size(void) { return (size_t)sysconf(_SC_PAGESIZE); }

size_t memory_granularity(void) { return memory_page_size(); }

int memory_map(int fd, uint64_t offset, size_t length, void **start)
{
  void *at = mmap(NULL, length, PROTECTION, MAP_PRIVATE | MAP_NORESERVE, fd, (off_t)offset);
  if (at == MAP_FAILED) return errno;
  *start = at;
  return 0;
}

int memory_unmap(void *start, size_t length) { return munmap(start, length) == 0 ? 0 : errno; }

enum cover memory_cover(void *start, size_t length)
{
  /* Safe: MAP_FIXED replaces pages of a mapping that is the caller's, in one step; no thread sees a hole. */
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
  return mmap(start, length, PROTECTION, flags, -1, 0) == start ? COVER_DONE : COVER_REFUSED;
}

void memory_expect(void *start, size_t length)
{
#ifdef __linux__
  /*
   * A fault in such a mapping reads the large page around it and starts reading the next one (filemap.c,
   * do_sync_mmap_readahead). Elsewhere that is guided by what the descriptor read last, and two threads at two
   * places pass for random access. Less than a large page is not worth reading one.
   */
  if (length >= LARGE_PAGE) madvise(start, length, MADV_HUGEPAGE);
#else
  (void)start, (void)length;
#endif
}

int memory_populate(void *start, size_t length)
{
#ifdef __linux__
  int failed;
  do
    failed = madvise(start, length, MADV_POPULATE_READ);
  while (failed && errno == EINTR);
  if (!failed) return 0;
  if (errno == EINVAL) return OS_ENOSYS; /* before Linux 5.14 */
  if (errno == EHWPOISON) return OS_EFAULT;
  return errno;
#else
  (void)start, (void)length;
  return OS_ENOSYS;
#endif
}

#ifdef __linux__
/* One page in 16 is looked at. Of 2 MiB that takes half a microsecond; one that the host has to give, two or more. */
enum { SAMPLE_PAGES = 16, AT_HAND_NS = 3000, CACHE_LINE = 64 };

static int64_t now_ns(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

bool memory_at_hand(const void *start, size_t length)
{
  const volatile char *bytes = start;
  size_t page = memory_page_size(), place = 0;
  int64_t before = now_ns();
  for (size_t at = 0; at < length; at += SAMPLE_PAGES * page) {
    (void)bytes[at + place];
    /* Bytes at one place of their pages share a few sets of the caches. */
    place = (place + CACHE_LINE) % page;
  }
  return now_ns() - before < AT_HAND_NS;
}
#else
/* Not populated here. */
bool memory_at_hand(const void *start, size_t length)
{
  (void)start, (void)length;
  return true;
}
#endif

int memory_advise(void *start, size_t length, enum advice advice)
{
  static const int numbers[ADVICE_COUNT] = {
    [ADVICE_NORMAL] = MADV_NORMAL,      [ADVICE_SEQUENTIAL] = MADV_SEQUENTIAL, [ADVICE_RANDOM] = MADV_RANDOM,
    [ADVICE_WILL_NEED] = MADV_WILLNEED, [ADVICE_DONT_NEED] = MADV_DONTNEED,
  };
  if (advice == ADVICE_POPULATE) return memory_populate(start, length);
  return madvise(start, length, numbers[advice]) == 0 ? 0 : errno;
}

int memory_resident(void *start, size_t length, unsigned char *pages)
{
#ifdef __APPLE__
  return mincore(start, length, (char *)pages) == 0 ? 0 : errno;
#else
  return mincore(start, length, pages) == 0 ? 0 : errno;
#endif
}

/* Linux counts even empty pages against its commit limit when told to never overcommit. */
static bool strict_accounting(void)
{
  char mode = 0;
  int fd = open("/proc/sys/vm/overcommit_memory", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  bool strict = pread(fd, &mode, 1, 0) == 1 && mode == '2';
  close(fd);
  return strict;
}

/* Bytes that a process can address: on Linux, where some arm64 have 39 bits for them, stacks are near the end. */
static uint64_t address_space(void)
{
  uint64_t space = (uint64_t)1 << 47;
#ifdef __linux__
  uintptr_t stack = (uintptr_t)&space;
  for (space = 1; stack > 0; stack >>= 1)
    space <<= 1;
#endif
  return space;
}

/* `wanted` where address space is plenty, less where it is not. */
static size_t address_limit(uint64_t wanted)
{
  uint64_t limit = sizeof(void *) < 8 ? (uint64_t)64 << 20 : wanted;
  if (address_space() / 16 < limit) limit = address_space() / 16;
  if (strict_accounting()) limit = (uint64_t)256 << 20;
  struct rlimit space;
  if (getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY && space.rlim_cur / 16 < limit)
    limit = space.rlim_cur / 16;
  return (size_t)limit;
}

size_t memory_rest_limit(void) { return address_limit((uint64_t)64 << 30); }

size_t memory_outlast_limit(void) { return address_limit(address_space() / 16); }

/* The limit of a process, from a file that holds a number; 0 where it does not. */
static size_t number_in(const char *path)
{
  char digits[24];
  size_t number = 0;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  ssize_t count = pread(fd, digits, sizeof digits, 0);
  close(fd);
  for (ssize_t i = 0; i < count && digits[i] >= '0' && digits[i] <= '9'; i++)
    number = number * 10 + (size_t)(digits[i] - '0');
  return number;
}

size_t memory_range_limit(void)
{
  size_t limit = number_in("/proc/sys/vm/max_map_count");
  return limit > 0 ? limit - limit / 4 : SIZE_MAX;
}

void memory_pin_library(void)
{
  /* Elsewhere it is linked with -z nodelete. */
#ifdef __APPLE__
  Dl_info self;
  if (dladdr((void *)memory_pin_library, &self)) dlopen(self.dli_fname, RTLD_LAZY | RTLD_NODELETE);
#endif
}
