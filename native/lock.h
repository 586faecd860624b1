/* A mutex, and giving way to other threads. A zeroed lock is an open one; nothing needs to be destroyed. */
#ifndef SLIDEMAP_LOCK_H
#define SLIDEMAP_LOCK_H

#ifdef _WIN32
#include <windows.h>
typedef SRWLOCK lock_t;
#define LOCK_INITIAL SRWLOCK_INIT
static inline void lock_init(lock_t *lock) { InitializeSRWLock(lock); }
static inline void lock_take(lock_t *lock) { AcquireSRWLockExclusive(lock); }
static inline void lock_leave(lock_t *lock) { ReleaseSRWLockExclusive(lock); }
static inline void thread_yield(void) { SwitchToThread(); }
#else
#include <pthread.h>
#include <sched.h>
typedef pthread_mutex_t lock_t;
#define LOCK_INITIAL PTHREAD_MUTEX_INITIALIZER
static inline void lock_init(lock_t *lock) { *lock = (lock_t)PTHREAD_MUTEX_INITIALIZER; }
static inline void lock_take(lock_t *lock) { pthread_mutex_lock(lock); }
static inline void lock_leave(lock_t *lock) { pthread_mutex_unlock(lock); }
static inline void thread_yield(void) { sched_yield(); }
#endif

#endif
