/*
 * What slidemap uses of macOS's C library, declared anew: Debian's Clang compiles for macOS without Apple's SDK, which
 * may not be passed on. scripts/targets/darwin.mjs puts it behind the names of the standard headers; a Mac's own
 * compiler never sees it. libSystem.tbd beside it lists the same functions for the linker.
 *
 * Numbers and layouts are those of macOS's binary interface, which never change for x86_64 and arm64.
 */
#ifndef SLIDEMAP_LIBSYSTEM_H
#define SLIDEMAP_LIBSYSTEM_H

#if !defined(__APPLE__) || !defined(__LP64__)
#error "for macOS with 64 bits"
#endif

#include <stddef.h>
#include <stdint.h>

typedef int64_t off_t;
typedef long ssize_t;
typedef int32_t pid_t;
typedef uint32_t uid_t;
typedef uint16_t mode_t;

/* ---- errno.h ---- */

int *__error(void);
#define errno (*__error())

enum {
  EINTR = 4,
  EIO = 5,
  EBADF = 9,
  ENOMEM = 12,
  EFAULT = 14,
  EINVAL = 22,
  ENOSYS = 78,
  ECANCELED = 89,
};

/* ---- string.h, stdlib.h, stdio.h ---- */

void *memchr(const void *bytes, int byte, size_t length);
int memcmp(const void *one, const void *other, size_t length);
void *memcpy(void *restrict to, const void *restrict from, size_t length);
void *memset(void *bytes, int byte, size_t length);
size_t strlen(const char *text);

void *malloc(size_t length);
void *calloc(size_t count, size_t length);
void *realloc(void *memory, size_t length);
void free(void *memory);

int snprintf(char *restrict to, size_t room, const char *restrict format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- fcntl.h, unistd.h ---- */

enum {
  O_RDONLY = 0,
  O_NONBLOCK = 0x4,
  O_SYNC = 0x80,
  O_NOFOLLOW = 0x100,
  O_NOCTTY = 0x20000,
  O_DIRECTORY = 0x100000,
  O_CLOEXEC = 0x1000000,
};
#define O_DSYNC 0x400000

/* Variadic, or arm64 would look for the third argument elsewhere. */
int open(const char *path, int flags, ...);
int close(int fd);
ssize_t pread(int fd, void *bytes, size_t length, off_t offset);
off_t lseek(int fd, off_t offset, int whence);
long sysconf(int name);

enum { SEEK_SET = 0, SEEK_CUR = 1, SEEK_END = 2 };
enum { _SC_PAGESIZE = 29 };

/* ---- sys/mman.h ---- */

enum { PROT_READ = 1, PROT_WRITE = 2 };
#define MAP_PRIVATE 0x2
#define MAP_FIXED 0x10
#define MAP_NORESERVE 0x40
#define MAP_ANONYMOUS 0x1000
#define MAP_FAILED ((void *)-1)
enum { MADV_NORMAL = 0, MADV_RANDOM = 1, MADV_SEQUENTIAL = 2, MADV_WILLNEED = 3, MADV_DONTNEED = 4 };

void *mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset);
int munmap(void *start, size_t length);
int madvise(void *start, size_t length, int advice);
int mincore(const void *start, size_t length, char *pages);

/* ---- sys/stat.h ---- */

struct timespec {
  long tv_sec;
  long tv_nsec;
};

struct stat {
  int32_t st_dev;
  mode_t st_mode;
  uint16_t st_nlink;
  uint64_t st_ino;
  uid_t st_uid;
  uint32_t st_gid;
  int32_t st_rdev;
  struct timespec st_atimespec;
  struct timespec st_mtimespec;
  struct timespec st_ctimespec;
  struct timespec st_birthtimespec;
  off_t st_size;
  int64_t st_blocks;
  int32_t st_blksize;
  uint32_t st_flags;
  uint32_t st_gen;
  int32_t st_lspare;
  int64_t st_qspare[2];
};
_Static_assert(sizeof(struct stat) == 144, "the stat of 64-bit inodes");
_Static_assert(offsetof(struct stat, st_size) == 96, "the stat of 64-bit inodes");

/* Intel's first macOS had inodes of 32 bits: there the plain name is still theirs. */
#ifdef __x86_64__
int fstat(int fd, struct stat *found) __asm("_fstat$INODE64");
#else
int fstat(int fd, struct stat *found);
#endif

#define S_IFMT 0170000
#define S_ISBLK(mode) (((mode)&S_IFMT) == 0060000)
#define S_ISDIR(mode) (((mode)&S_IFMT) == 0040000)
#define S_ISREG(mode) (((mode)&S_IFMT) == 0100000)

/* ---- sys/resource.h ---- */

struct rlimit {
  uint64_t rlim_cur;
  uint64_t rlim_max;
};
#define RLIMIT_AS 5
#define RLIM_INFINITY (((uint64_t)1 << 63) - 1)

int getrlimit(int resource, struct rlimit *limit);

/* ---- signal.h ---- */

#define SIGBUS 10
enum { SA_ONSTACK = 0x1, SA_RESETHAND = 0x4, SA_NODEFER = 0x10, SA_SIGINFO = 0x40 };
#define SIG_DFL ((void (*)(int))0)
#define SIG_IGN ((void (*)(int))1)

typedef uint32_t sigset_t;

typedef struct {
  int si_signo;
  int si_errno;
  int si_code;
  pid_t si_pid;
  uid_t si_uid;
  int si_status;
  void *si_addr;
  void *si_value;
  long si_band;
  unsigned long __pad[7];
} siginfo_t;
_Static_assert(sizeof(siginfo_t) == 104 && offsetof(siginfo_t, si_addr) == 24, "siginfo_t");

struct sigaction {
  union {
    void (*sa_handler)(int);
    void (*sa_sigaction)(int, siginfo_t *, void *);
  };
  sigset_t sa_mask;
  int sa_flags;
};
_Static_assert(sizeof(struct sigaction) == 16, "sigaction");

int sigaction(int number, const struct sigaction *restrict action, struct sigaction *restrict previous);
int sigemptyset(sigset_t *set);
int raise(int number);

/* ---- pthread.h, sched.h ---- */

typedef struct {
  long __sig;
  char __opaque[56];
} pthread_mutex_t;
#define PTHREAD_MUTEX_INITIALIZER { 0x32AAABA7, { 0 } }

int pthread_mutex_lock(pthread_mutex_t *mutex);
int pthread_mutex_unlock(pthread_mutex_t *mutex);
int sched_yield(void);

/* ---- dlfcn.h ---- */

typedef struct {
  const char *dli_fname;
  void *dli_fbase;
  const char *dli_sname;
  void *dli_saddr;
} Dl_info;
enum { RTLD_LAZY = 0x1, RTLD_NODELETE = 0x80 };

int dladdr(const void *address, Dl_info *info);
void *dlopen(const char *path, int mode);

#endif
