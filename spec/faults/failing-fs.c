/*
 * A file system with one file whose reading can be made to fail: the kernel's FUSE protocol, without libfuse.
 *
 *   failing-fs MOUNTPOINT BACKING
 *
 * MOUNTPOINT/file has the bytes of BACKING. Lines on standard input, each answered by "ok" on standard output:
 *
 *   fail OFFSET END   reads of pages from OFFSET to END fail with EIO
 *   heal              none fails any more
 *   forget            the kernel forgets the pages it has read: they are read again, also where they are mapped
 *
 * Says "mounted" when it is; unmounts at the end of its input. Ends with status 2 where it may not mount.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FILE_NODE = 2, PAGE = 4096, READ_MAX = 128 << 10 };

static int device, backing;
static unsigned long long fail_from, fail_end; /* of this thread alone */

static void reply(const struct fuse_in_header *in, int error, const void *data, size_t length)
{
  struct fuse_out_header out = { .len = sizeof out + (unsigned)length, .error = -error, .unique = in->unique };
  struct iovec parts[] = { { &out, sizeof out }, { (void *)data, length } };
  if (writev(device, parts, length > 0 ? 2 : 1) < 0 && errno != ENOENT) perror("reply");
}

static struct fuse_attr attributes(uint64_t node)
{
  struct stat found;
  fstat(backing, &found);
  if (node == FUSE_ROOT_ID) return (struct fuse_attr){ .ino = node, .mode = S_IFDIR | 0755, .nlink = 2 };
  return (struct fuse_attr){
    .ino = node,
    .size = (uint64_t)found.st_size,
    .blocks = (uint64_t)(found.st_size + 511) / 512,
    .mtime = (uint64_t)found.st_mtim.tv_sec,
    .mtimensec = (uint32_t)found.st_mtim.tv_nsec,
    .mode = S_IFREG | 0644,
    .nlink = 1,
    .blksize = PAGE,
  };
}

static void read_file(const struct fuse_in_header *in, const struct fuse_read_in *asked)
{
  static char bytes[READ_MAX];
  size_t length = asked->size < READ_MAX ? asked->size : READ_MAX;
  if (asked->offset < fail_end && asked->offset + length > fail_from) {
    reply(in, EIO, NULL, 0);
    return;
  }
  ssize_t got = pread(backing, bytes, length, (off_t)asked->offset);
  reply(in, got < 0 ? errno : 0, bytes, got < 0 ? 0 : (size_t)got);
}

static void serve(const struct fuse_in_header *in, const void *argument)
{
  switch (in->opcode) {
  case FUSE_INIT: {
    /* No reading ahead, so that what fails is what was asked for. */
    struct fuse_init_out out = { .major = FUSE_KERNEL_VERSION, .minor = 31, .max_write = PAGE };
    reply(in, 0, &out, sizeof out);
    return;
  }
  case FUSE_LOOKUP:
    if (strcmp(argument, "file") == 0) {
      struct fuse_entry_out out = { .nodeid = FILE_NODE, .attr = attributes(FILE_NODE) };
      reply(in, 0, &out, sizeof out);
    } else {
      reply(in, ENOENT, NULL, 0);
    }
    return;
  case FUSE_GETATTR: {
    struct fuse_attr_out out = { .attr = attributes(in->nodeid) };
    reply(in, 0, &out, sizeof out);
    return;
  }
  case FUSE_OPEN:
  case FUSE_OPENDIR: {
    struct fuse_open_out out = { .open_flags = FOPEN_KEEP_CACHE };
    reply(in, 0, &out, sizeof out);
    return;
  }
  case FUSE_READ:
    read_file(in, argument);
    return;
  case FUSE_FLUSH:
  case FUSE_RELEASE:
  case FUSE_RELEASEDIR:
  case FUSE_DESTROY:
    reply(in, 0, NULL, 0);
    return;
  case FUSE_FORGET:
  case FUSE_BATCH_FORGET:
  case FUSE_INTERRUPT:
    return;
  default:
    reply(in, ENOSYS, NULL, 0);
  }
}

/* On a thread of its own: the kernel may wait for a read of the same page meanwhile. */
static void *forget_pages(void *unused)
{
  (void)unused;
  struct fuse_notify_inval_inode_out what = { .ino = FILE_NODE, .off = 0, .len = 0 };
  struct fuse_out_header out = { .len = sizeof out + sizeof what, .error = FUSE_NOTIFY_INVAL_INODE };
  struct iovec parts[] = { { &out, sizeof out }, { &what, sizeof what } };
  if (writev(device, parts, 2) < 0 && errno != ENOENT) perror("forget");
  puts("ok");
  return NULL;
}

static void obey(const char *line)
{
  pthread_t thread;
  if (sscanf(line, "fail %llu %llu", &fail_from, &fail_end) == 2) {
    puts("ok");
  } else if (strncmp(line, "heal", 4) == 0) {
    fail_from = fail_end = 0;
    puts("ok");
  } else if (pthread_create(&thread, NULL, forget_pages, NULL) == 0) {
    pthread_detach(thread);
  }
}

/* False at the end of the input. */
static int listen_to_input(void)
{
  static char line[256];
  static size_t length;
  ssize_t got = read(STDIN_FILENO, line + length, sizeof line - 1 - length);
  if (got <= 0) return 0;
  length += (size_t)got;
  for (char *end; (end = memchr(line, '\n', length));) {
    *end = '\0';
    obey(line);
    length -= (size_t)(end + 1 - line);
    memmove(line, end + 1, length);
  }
  return 1;
}

int main(int count, char **arguments)
{
  static _Alignas(8) char request[READ_MAX + PAGE];
  char options[128];
  if (count != 3 || (backing = open(arguments[2], O_RDONLY)) < 0) return 1;
  setvbuf(stdout, NULL, _IOLBF, 0);
  device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
  snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=%u,group_id=%u,allow_other", device,
           getuid(), getgid());
  if (device < 0 || mount("failing", arguments[1], "fuse.failing", MS_NOSUID | MS_NODEV, options) != 0) {
    perror("mount");
    return 2;
  }
  puts("mounted");
  struct pollfd both[] = { { .fd = device, .events = POLLIN }, { .fd = STDIN_FILENO, .events = POLLIN } };
  while (poll(both, 2, -1) > 0) {
    if (both[1].revents && !listen_to_input()) break;
    if (!(both[0].revents & POLLIN)) continue;
    ssize_t got = read(device, request, sizeof request);
    if (got < 0 && errno == ENODEV) break;
    if (got > 0) serve((struct fuse_in_header *)request, request + sizeof(struct fuse_in_header));
  }
  umount2(arguments[1], MNT_DETACH);
  return 0;
}
