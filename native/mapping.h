/*
 * The operating system as slidemap needs it: files that are only read, and private maps of them.
 *
 * mapping_posix.c and mapping_win32.c implement this header; nothing above it calls the OS for files or
 * memory. There is no Node-API in here.
 *
 * Every function may be called from any thread. None keeps a pointer it was given. Where an `int` is answered
 * it is 0 for success, else the error's number as Node knows it: `errno` on POSIX, libuv's numbers made
 * positive on Windows (see the OS_ constants).
 */
#ifndef SLIDEMAP_MAPPING_H
#define SLIDEMAP_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef _WIN32
enum {
  OS_EACCES = 4092,
  OS_EBADF = 4083,
  OS_ECANCELED = 4081,
  OS_EFAULT = 4074,
  OS_EINVAL = 4071,
  OS_EIO = 4070,
  OS_EISDIR = 4068,
  OS_EMFILE = 4066,
  OS_ENAMETOOLONG = 4064,
  OS_ENODEV = 4059,
  OS_ENOENT = 4058,
  OS_ENOMEM = 4057,
  OS_ENOSYS = 4054,
  OS_ENOTSUP = 4049,
  OS_EPERM = 4048,
  OS_EBUSY = 4082
};
#else
#include <errno.h>
enum {
  OS_EBADF = EBADF,
  OS_ECANCELED = ECANCELED,
  OS_EFAULT = EFAULT,
  OS_EIO = EIO,
  OS_ENOMEM = ENOMEM,
  OS_ENOSYS = ENOSYS
};
#endif

/* The numbers of KIND in lib/mapping/addon.ts. */
enum file_kind { KIND_FILE, KIND_DIRECTORY, KIND_BLOCK, KIND_OTHER, KIND_PSEUDO };

/* The numbers of ADVICE in lib/mapping/addon.ts. */
enum advice {
  ADVICE_NORMAL,
  ADVICE_SEQUENTIAL,
  ADVICE_RANDOM,
  ADVICE_WILL_NEED,
  ADVICE_POPULATE,
  ADVICE_DONT_NEED
};
enum { ADVICE_COUNT = ADVICE_DONT_NEED + 1 };

struct file_info {
  enum file_kind kind;
  uint64_t size; /* bytes */
  uint64_t dev;
  uint64_t ino;
  int64_t mtime_ns; /* since the epoch */
  bool unallocated; /* a regular file that takes no blocks: its size may be made up, see file_is_pseudo */
};

/*
 * Why this library cannot work in the process that loaded it, as a sentence; NULL where it can. On Windows a
 * runtime's descriptors can be used only through libuv's functions.
 */
const char *host_lacks(void);

/* ---- files ---- */

/* Which extra flags file_open takes: those that change how, never what: no writing, creating, truncating. */
int file_open_flags(void);

/*
 * Open for reading, close-on-exec, without waiting for the other end of a FIFO.
 *
 * path: ends in a NUL, the caller's. UTF-8 on Windows.
 * fd:   set on success only; then the caller's to close. A descriptor that Node's fs functions understand.
 */
int file_open(const char *path, int flags, int *fd);

/* The descriptor is gone afterwards, whatever is answered. */
int file_close(int fd);

/*
 * Never answers KIND_PSEUDO. On failure `syscall` names the call (a string constant) and `info` is as it was.
 */
int file_stat(int fd, struct file_info *info, const char **syscall);

/*
 * Whether the content of an unallocated file is another than its size says (procfs, sysfs): it is what it
 * says it is if its last byte is there, or none where it is empty.
 */
bool file_is_pseudo(int fd, uint64_t size);

/*
 * Read once, without moving the descriptor's place; `*got` is 0 at the end of the file.
 *
 * bytes: the caller's, at least `length`.
 */
int file_read(int fd, uint64_t offset, void *bytes, size_t length, size_t *got);

/* Whether the page cache can be told to forget, and what it has can be told from what it lacks. */
bool file_forgets(void);

/* Let the page cache forget a range; length 0 means to the end. */
int file_forget(int fd, uint64_t offset, uint64_t length);

/* ---- memory: `start` is always what memory_map gave, or a whole number of pages after it ---- */

/* Bytes of a page, and what the offsets of mappings are multiples of: both powers of two. */
size_t memory_page_size(void);
size_t memory_granularity(void);

/*
 * Map a range of a file, copy-on-write: what is written to the memory stays there. No pages are faulted in.
 *
 * offset: a multiple of the granularity.
 * length: bytes, at least 1.
 * start:  set on success only; the caller's to unmap.
 *
 * OS_EFAULT: the file ends before the range does, where that is known before a page is touched (Windows).
 */
int memory_map(int fd, uint64_t offset, size_t length, void **start);

/* Give addresses back to the OS: all that one memory_map or memory_cover made. */
int memory_unmap(void *start, size_t length);

/*
 * Put empty pages in the place of a mapping, so that its addresses stay taken. Nobody ever sees them free,
 * but on Windows, where there is a moment.
 */
enum cover {
  COVER_DONE,
  COVER_REFUSED, /* the mapping is there as before */
  COVER_LOST     /* the mapping is gone, and so are its addresses (Windows) */
};
enum cover memory_cover(void *start, size_t length);

#ifdef _WIN32
/*
 * Give the page of this address an empty page of memory. A cover there is reserved only, so that what rests costs
 * no memory; a late reader's fault backs the page that it wants. False where nothing covers the address, or there
 * is no memory.
 */
bool memory_back_cover(void *address);
#endif

/*
 * Say that all of a mapping is about to be read: where its file is not in RAM, the OS then reads in large steps, one
 * ahead of the other, also where several threads read through one descriptor. Can be refused; nobody needs to know.
 */
void memory_expect(void *start, size_t length);

/*
 * Read a range into RAM and into this process's page tables.
 *
 * OS_EFAULT: some page cannot be had, because the file ends before it or the disk failed.
 * OS_ENOSYS: this OS cannot; touch the pages instead.
 */
int memory_populate(void *start, size_t length);

/*
 * Look at a few pages of a range that was populated: whether a processor gets at them without waiting.
 *
 * On a virtual machine it may not: memory that a disk was read into, but no processor has looked at since the host
 * gave it, costs whoever looks first some 12 us a page, 50 ms for 16 MiB. The OS knows nothing of it.
 */
bool memory_at_hand(const void *start, size_t length);

/* OS_ENOSYS where the OS knows no such advice. */
int memory_advise(void *start, size_t length, enum advice advice);

/* pages: the caller's, one byte for each page of the range; bit 0 is set for those in RAM. */
int memory_resident(void *start, size_t length, unsigned char *pages);

/* How many bytes of address space released ranges may occupy, given this process's limits. */
size_t memory_rest_limit(void);

/* The same for those that are still seen after that. */
size_t memory_outlast_limit(void);

/*
 * How many mappings this process may have of us: what the OS grants it, less a quarter for everybody else. A
 * runtime whose heap gets none ends the process.
 */
size_t memory_range_limit(void);

/* Never unload this library: threads may be in its fault handler when the last environment goes. */
void memory_pin_library(void);

#endif
