#define _GNU_SOURCE
#include "fault_guard.h"

#include "lock.h"
#include "mapping.h"
#include "slots.h"

/* What the handler uses must take no locks. */
_Static_assert(ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_POINTER_LOCK_FREE == 2 && ATOMIC_LLONG_LOCK_FREE == 2,
               "atomics are lock-free");

static struct {
  lock_t lock;
  bool installed;   /* under the lock */
  size_t page_size; /* written before the handler is installed, read by the handler */
} guard = { .lock = LOCK_INITIAL };

#ifndef _WIN32

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>

/* Who had the signal before. Written before the handler is installed. */
static struct sigaction previous;
static atomic_bool previous_called;

/*
 * Put zeros in the place of what cannot be had, from the page of this address to the end of its mapping: a
 * file that lost one page by truncation lost all behind it, and each fault costs the walk through the table.
 */
static bool mend(uintptr_t address)
{
  uintptr_t start;
  struct slot *slot = slot_pin(address, &start);
  if (!slot) return false;
  uintptr_t page = address & ~(uintptr_t)(guard.page_size - 1);
  size_t rest = start + atomic_load(&slot->mapped) - page;
  /* Marked first: who reads a zero of these pages can then read the mark, too. */
  slot_mark_lost(slot, (int64_t)(page - start));
  bool mended = memory_cover((void *)page, rest) == COVER_DONE;
  slot_unpin(slot);
  return mended;
}

/* Whether whoever had the signal before is to be called: they may have asked to be called once only. */
static bool takes_turn(void)
{
  return !(previous.sa_flags & SA_RESETHAND) || !atomic_exchange(&previous_called, true);
}

/* By kill() and the like, not by a fault: Linux numbers those from 0 down, macOS from 2^16 up. */
static bool was_sent(const siginfo_t *info) { return info->si_code <= 0 || info->si_code > 0xFFFF; }

/* Not ours: let it be as if this handler were not there. */
static void pass_on(int signal_number, siginfo_t *info, void *context)
{
  bool sent = was_sent(info);
  /* First the two that are no functions: they may come with any flags. */
  if (previous.sa_handler == SIG_IGN && sent) return;
  if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN && takes_turn()) {
    if (previous.sa_flags & SA_SIGINFO)
      previous.sa_sigaction(signal_number, info, context);
    else
      previous.sa_handler(signal_number);
    return;
  }
  /* Back to the fault it goes, and dies of it as it would have. */
  struct sigaction standard = { .sa_handler = SIG_DFL };
  sigaction(signal_number, &standard, NULL);
  if (sent) raise(signal_number);
}

/*
 * On whatever thread touched the page. Async-signal-safe: atomics, mmap, sigaction, raise; no allocation, no
 * locks.
 */
static void on_bus_error(int signal_number, siginfo_t *info, void *context)
{
  int saved = errno;
  bool mended = !was_sent(info) && mend((uintptr_t)info->si_addr);
  errno = saved;
  if (!mended) pass_on(signal_number, info, context);
}

static void install(void)
{
  struct sigaction ours = { .sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO | SA_ONSTACK };
  sigemptyset(&ours.sa_mask);
  /* Asked for first: the handler may run before the second call has returned. */
  sigaction(SIGBUS, NULL, &previous);
  sigaction(SIGBUS, &ours, &previous);
}

#else /* _WIN32 */

#include <windows.h>

/* What an exception says of how the page was touched: 0 for reading, this, or 8 for executing. */
enum { FAULT_WRITE = 1 };

/* What a view lost cannot be replaced page by page there, so the whole of it becomes empty. */
static bool mend(uintptr_t address)
{
  uintptr_t start;
  struct slot *slot = slot_pin(address, &start);
  if (!slot) return false;
  /* A late reader of what rests, or one of many threads in one lost view. */
  bool mended = memory_back_cover((void *)address);
  if (!mended) {
    slot_mark_lost(slot, 0);
    mended = memory_cover((void *)start, atomic_load(&slot->mapped)) == COVER_DONE &&
             memory_back_cover((void *)address);
  }
  slot_unpin(slot);
  return mended;
}

/*
 * On whatever thread touched the page, as part of its own work: locks may be taken. An access violation in a view
 * is a lost page too: its pages may be read and written as long as they are there. Wine says it so.
 */
static LONG CALLBACK on_exception(EXCEPTION_POINTERS *fault)
{
  const EXCEPTION_RECORD *record = fault->ExceptionRecord;
  DWORD code = record->ExceptionCode;
  if ((code != EXCEPTION_IN_PAGE_ERROR && code != EXCEPTION_ACCESS_VIOLATION) ||
      record->NumberParameters < 2 || record->ExceptionInformation[0] > FAULT_WRITE)
    return EXCEPTION_CONTINUE_SEARCH;
  return mend((uintptr_t)record->ExceptionInformation[1]) ? EXCEPTION_CONTINUE_EXECUTION
                                                          : EXCEPTION_CONTINUE_SEARCH;
}

static void install(void) { AddVectoredExceptionHandler(1, on_exception); }

#endif

void guard_install(void)
{
  lock_take(&guard.lock);
  if (!guard.installed) {
    guard.page_size = memory_page_size();
    memory_pin_library();
    install();
    guard.installed = true;
  }
  lock_leave(&guard.lock);
}
