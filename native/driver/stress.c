/*
 * The core without Node: threads that map, read, write, release, cancel and truncate at random, for
 * sanitizers and valgrind. Ends with status 0 where every byte was right (or lost, and marked so) and nothing
 * is left behind.
 *
 *   cc -std=c11 -g -O1 -fsanitize=address,undefined -I.. stress.c ../{environment,fault_guard,slots,task}.c \
 *     ../mapping_posix.c -pthread -o stress && ./stress [rounds] [seed]
 */
#define _GNU_SOURCE
#include "../task.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { THREADS = 4, PAGE = 4096, FILE_PAGES = 64, KEPT = 8, SEEN = 64 };

#define CHECK(condition)                                                                                     \
  do {                                                                                                       \
    if (!(condition)) {                                                                                      \
      fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                                \
      abort();                                                                                               \
    }                                                                                                        \
  } while (0)

static char path[] = "/tmp/slidemap-stress-XXXXXX";
static long rounds = 2000;
static unsigned seed = 1;

static unsigned char byte_at(uint64_t offset)
{
  return (unsigned char)(offset * 31 + offset / PAGE * 7 + 1) | 1;
}

static void write_file(int fd)
{
  static unsigned char content[FILE_PAGES * PAGE];
  for (size_t i = 0; i < sizeof content; i++)
    content[i] = byte_at(i);
  CHECK(pwrite(fd, content, sizeof content, 0) == (ssize_t)sizeof content);
}

/*
 * Each byte is the file's, which has no zeros, or zero; those from the mark on are zeros. (Zeros before it
 * are the end of the file's last page, and what this program wrote.)
 */
static void check_bytes(const struct slot *slot, uint64_t offset)
{
  const unsigned char *bytes = (const unsigned char *)atomic_load(&slot->start);
  for (size_t i = 0; i < slot->length; i += 97) {
    unsigned char seen = *(const volatile unsigned char *)(bytes + i);
    CHECK(seen == 0 || seen == byte_at(offset + i));
  }
  int64_t lost = atomic_load(&slot->fault);
  for (size_t i = lost < 0 ? slot->length : (size_t)lost; i < slot->length; i += 97)
    CHECK(*(const volatile unsigned char *)(bytes + i) == 0);
}

static void *live(void *argument)
{
  unsigned random = seed * 1000 + (unsigned)(size_t)argument;
  struct environment *environment = environment_new();
  CHECK(environment);
  struct {
    struct slot *slot;
    uint64_t serial, offset;
  } kept[KEPT] = { { NULL, 0, 0 } };
  /* ArrayBuffers that are collected long after they were released. */
  struct slot *seen[SEEN] = { NULL };
  for (long round = 0; round < rounds; round++) {
    size_t place = (size_t)rand_r(&random) % KEPT;
    if (kept[place].slot) {
      /* As binding.c does: released and detached, released without the buffer, or collected. */
      struct slot *slot = kept[place].slot;
      int way = rand_r(&random) % 3;
      CHECK(slot_find(slot->index, kept[place].serial, environment) == slot);
      check_bytes(slot, kept[place].offset);
      if (way < 2) {
        CHECK(slot_take(slot, kept[place].serial));
        CHECK(!slot_take(slot, kept[place].serial));
        environment_unmap(environment, slot, way == 0);
      }
      environment_end(slot);
      size_t at = (size_t)rand_r(&random) % SEEN;
      if (seen[at]) environment_unwatch(seen[at]);
      seen[at] = slot;
      CHECK(!slot_find(slot->index, kept[place].serial, environment));
      kept[place].slot = NULL;
      continue;
    }
    uint64_t first = (uint64_t)rand_r(&random) % FILE_PAGES;
    struct task task = {
      .environment = environment,
      .path = path,
      .fd = -1,
      .offset = first * PAGE,
      .length = 1 + (size_t)rand_r(&random) % ((FILE_PAGES - first) * PAGE),
      .populate = rand_r(&random) % 2,
      .exact = rand_r(&random) % 2,
      .cancelled = rand_r(&random) % 16 == 0,
    };
    task_run(&task);
    CHECK(!task.slot || task.error == 0);
    if (task.error) {
      CHECK(task.fd == -1 && (task.error == OS_ECANCELED || task.error == OS_EIO));
      continue;
    }
    CHECK(environment_adopt(environment, task.fd));
    if (task.slot) {
      check_bytes(task.slot, task.offset);
      environment_watch(task.slot);
      *(volatile char *)atomic_load(&task.slot->start) = 0;
      kept[place].slot = task.slot;
      kept[place].serial = slot_serial(task.slot);
      kept[place].offset = task.offset;
    }
    if (rand_r(&random) % 4) {
      CHECK(environment_disown(environment, task.fd));
      CHECK(!environment_disown(environment, task.fd));
      file_close(task.fd);
    } else if (round % 64 != 0) {
      CHECK(environment_disown(environment, task.fd) && file_close(task.fd) == 0);
    } /* else left for environment_close */
    if (rand_r(&random) % 100 == 0) environment_drain(environment);
  }
  for (size_t i = 0; i < KEPT; i++)
    if (kept[i].slot) {
      environment_end(kept[i].slot);
      environment_unwatch(kept[i].slot);
    }
  for (size_t i = 0; i < SEEN; i++)
    if (seen[i]) environment_unwatch(seen[i]);
  CHECK(atomic_load(&environment->mappings) == 0 && atomic_load(&environment->mapped_bytes) == 0);
  environment_close(environment);
  CHECK(environment->resting.count == 0 && environment->resting.bytes == 0);
  CHECK(environment->outlasting.count == 0 && environment->outlasting.bytes == 0);
  CHECK(atomic_load(&environment->references) == 1);
  environment_release(environment);
  return NULL;
}

static atomic_bool over;

static void *truncate_at_random(void *unused)
{
  (void)unused;
  unsigned random = seed;
  int fd = open(path, O_RDWR);
  while (!atomic_load(&over)) {
    CHECK(ftruncate(fd, rand_r(&random) % (FILE_PAGES * PAGE)) == 0);
    usleep(50);
    write_file(fd);
    usleep(200);
  }
  close(fd);
  return NULL;
}

/* A fault that is not ours must reach the handler that was there before. */
static sigjmp_buf out_of_fault;

static void former_handler(int number, siginfo_t *info, void *context)
{
  (void)number, (void)info, (void)context;
  siglongjmp(out_of_fault, 1);
}

static void check_former_handler(void)
{
  int fd = open(path, O_RDWR);
  volatile char *foreign = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, FILE_PAGES * PAGE);
  CHECK(foreign != MAP_FAILED);
  volatile int faults = 0;
  volatile char used; /* valgrind leaves out what nobody uses */
  if (sigsetjmp(out_of_fault, 1) == 0)
    used = foreign[0];
  else
    faults++;
  (void)used;
  CHECK(faults == 1);
  munmap((void *)foreign, PAGE);
  close(fd);
}

static void *end_mapping(void *slot)
{
  environment_end(slot);
  return NULL;
}

/* Whoever is in the fault handler knows where the range began, also while another thread gives it back. */
static void check_late_fault(void)
{
  struct environment *environment = environment_new();
  struct task task = { .environment = environment, .path = path, .fd = -1, .length = 2 * PAGE };
  task_run(&task);
  CHECK(task.slot);
  uintptr_t start = atomic_load(&task.slot->start), known = 0;
  struct slot *pinned = slot_pin(start + PAGE, &known);
  CHECK(pinned == task.slot && known == start);
  pthread_t other;
  CHECK(pthread_create(&other, NULL, end_mapping, task.slot) == 0);
  while (atomic_load(&pinned->start) != 0)
    thread_yield();
  unsigned char resident[2];
  CHECK(memory_resident((void *)known, 2 * PAGE, resident) == 0);
  slot_unpin(pinned);
  pthread_join(other, NULL);
  CHECK(slot_pin(start, &known) == NULL);
  file_close(task.fd);
  environment_release(environment);
}

/* Map a page, and release it as binding.c does; the ArrayBuffer stays in reach. */
static struct slot *release_page(struct environment *environment, int fd)
{
  struct slot *slot;
  CHECK(environment_map(environment, fd, 0, PAGE, &slot) == 0);
  environment_watch(slot);
  CHECK(slot_take(slot, slot_serial(slot)));
  environment_unmap(environment, slot, true);
  environment_end(slot);
  return slot;
}

/* What some environments have released and still see leaves mappings to the others, which cannot drain it. */
static void check_shared_limit(void)
{
  enum { ENVIRONMENTS = 4, RELEASED = REST_COUNT + OUTLAST_COUNT };
  static struct slot *released[ENVIRONMENTS][RELEASED];
  struct environment *environments[ENVIRONMENTS];
  int fd = open(path, O_RDONLY);
  size_t outlasting = 0;
  for (size_t i = 0; i < ENVIRONMENTS; i++) {
    environments[i] = environment_new();
    CHECK(environments[i]);
    for (size_t j = 0; j < RELEASED; j++)
      released[i][j] = release_page(environments[i], fd);
    struct rest_counts counts = environment_resting(environments[i]);
    CHECK(counts.resting == REST_COUNT);
    outlasting += counts.outlasting;
  }
  CHECK(outlasting == OUTLAST_COUNT);
  CHECK(slot_ranges() == OUTLAST_COUNT + ENVIRONMENTS * REST_COUNT);
  for (size_t i = 0; i < ENVIRONMENTS; i++) {
    for (size_t j = 0; j < RELEASED; j++)
      environment_unwatch(released[i][j]);
    CHECK(environment_resting(environments[i]).outlasting == 0);
    /* What one has given up is there for the next. */
    if (i == 0) {
      environment_unwatch(release_page(environments[1], fd));
      CHECK(environment_resting(environments[1]).outlasting == 1);
    }
    environment_close(environments[i]);
    environment_release(environments[i]);
  }
  CHECK(slot_ranges() == 0);
  close(fd);
}

static int lines_about_the_file(const char *table)
{
  char command[128], line[512];
  int count = 0;
  snprintf(command, sizeof command, table, getpid());
  FILE *lines = popen(command, "r");
  while (fgets(line, sizeof line, lines))
    count += strstr(line, path) != NULL;
  pclose(lines);
  return count;
}

int main(int count, char **words)
{
  if (count > 1) rounds = atol(words[1]);
  if (count > 2) seed = (unsigned)atoi(words[2]);
  int fd = mkstemp(path);
  CHECK(fd >= 0);
  write_file(fd);
  close(fd);
  struct sigaction former = { .sa_sigaction = former_handler, .sa_flags = SA_SIGINFO };
  CHECK(sigaction(SIGBUS, &former, NULL) == 0);
  pthread_t threads[THREADS], truncater;
  CHECK(pthread_create(&truncater, NULL, truncate_at_random, NULL) == 0);
  for (size_t i = 0; i < THREADS; i++)
    CHECK(pthread_create(&threads[i], NULL, live, (void *)(i + 1)) == 0);
  for (size_t i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  atomic_store(&over, true);
  pthread_join(truncater, NULL);
  check_former_handler();
  check_late_fault();
  check_shared_limit();
  CHECK(lines_about_the_file("cat /proc/%d/maps") == 0);
  CHECK(lines_about_the_file("ls -l /proc/%d/fd") == 0);
  unlink(path);
  printf("seed %u: %ld rounds in each of %d threads, %lu mappings lost pages, nothing left behind\n", seed,
         rounds, THREADS, (unsigned long)slot_faults());
  return 0;
}
