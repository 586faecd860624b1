/*
 * mapping.h for Windows 8 and later.
 *
 * Descriptors are those of the host process, as node:fs has them: libuv's functions turn them into handles
 * and back. They are looked up in the process at run time, since a runtime need not export them.
 */
#define WIN32_LEAN_AND_MEAN
#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0602
#endif
#include <windows.h>

#define PSAPI_VERSION 2
#include <psapi.h>

#include "mapping.h"

#include <stdlib.h>
#include <string.h>

/* ---- descriptors: libuv's functions in the host process ---- */

/* What a runtime that is a program of its own exports, or the library that another program has it in. */
static FARPROC host_function(const char *name)
{
  HMODULE host = GetModuleHandleW(L"libnode.dll");
  return GetProcAddress(host ? host : GetModuleHandleW(NULL), name);
}

const char *host_lacks(void)
{
  bool complete =
      host_function("uv_get_osfhandle") && host_function("uv_open_osfhandle") && host_function("uv_fs_close");
  return complete ? NULL : "slidemap needs functions of libuv that this runtime does not export";
}

/* What a failed call of Windows is in libuv's numbers: as Node says it, where libuv knows it. */
static int last_error(void)
{
  DWORD error = GetLastError();
  switch (error) {
  case ERROR_COMMITMENT_LIMIT:
  case ERROR_NO_SYSTEM_RESOURCES:
  case ERROR_NOT_ENOUGH_QUOTA:
  case ERROR_WORKING_SET_QUOTA: return OS_ENOMEM;
  default: break;
  }
  int (*translate)(int) = (int (*)(int))(void (*)(void))host_function("uv_translate_sys_error");
  return translate ? -translate((int)error) : OS_EIO;
}

/* INVALID_HANDLE_VALUE where the descriptor is not open. */
static HANDLE handle_of(int fd)
{
  HANDLE (*get)(int) = (HANDLE (*)(int))(void (*)(void))host_function("uv_get_osfhandle");
  return get ? get(fd) : INVALID_HANDLE_VALUE;
}

/* The handle is the descriptor's from then on. -1 where there is none to be had. */
static int descriptor_of(HANDLE handle)
{
  int (*open_handle)(HANDLE) = (int (*)(HANDLE))(void (*)(void))host_function("uv_open_osfhandle");
  return open_handle ? open_handle(handle) : -1;
}

/* ---- files ---- */

int file_open_flags(void) { return 0; }

/* A path of Windows, to be freed by the caller; NULL where it is not UTF-8 or there is no memory. */
static wchar_t *wide_path(const char *path)
{
  int length = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, NULL, 0);
  wchar_t *wide = length > 0 ? malloc((size_t)length * sizeof *wide) : NULL;
  if (wide) MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, wide, length);
  return wide;
}

int file_open(const char *path, int flags, int *fd)
{
  (void)flags;
  wchar_t *wide = wide_path(path);
  if (!wide) return OS_ENOENT;
  /*
   * As Node opens: shared in every way, so that others may write, rename and delete it; BACKUP_SEMANTICS opens
   * folders, too.
   */
  HANDLE handle = CreateFileW(wide, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                              NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
  int error = handle == INVALID_HANDLE_VALUE ? last_error() : 0;
  free(wide);
  if (error) return error;
  *fd = descriptor_of(handle);
  if (*fd >= 0) return 0;
  CloseHandle(handle);
  return OS_EMFILE;
}

int file_close(int fd)
{
  typedef int uv_fs_close_function(void *loop, void *request, int fd, void (*done)(void *));
  uv_fs_close_function *close_descriptor =
      (uv_fs_close_function *)(void (*)(void))host_function("uv_fs_close");
  if (!close_descriptor) return OS_ENOSYS;
  /* A uv_fs_t has some 450 bytes; without a callback it is only looked at during the call. */
  uint64_t request[256] = { 0 };
  int result = close_descriptor(NULL, request, fd, NULL);
  return result < 0 ? -result : 0;
}

int file_stat(int fd, struct file_info *info, const char **syscall)
{
  BY_HANDLE_FILE_INFORMATION found;
  *syscall = "fstat";
  HANDLE handle = handle_of(fd);
  if (handle == INVALID_HANDLE_VALUE) return OS_EBADF;
  if (GetFileType(handle) != FILE_TYPE_DISK) {
    *info = (struct file_info){ .kind = KIND_OTHER };
    *syscall = "";
    return 0;
  }
  if (!GetFileInformationByHandle(handle, &found)) return last_error();
  uint64_t ticks = (uint64_t)found.ftLastWriteTime.dwHighDateTime << 32 | found.ftLastWriteTime.dwLowDateTime;
  bool directory = found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY;
  *info = (struct file_info){
    .kind = directory ? KIND_DIRECTORY : KIND_FILE,
    .size = directory ? 0 : (uint64_t)found.nFileSizeHigh << 32 | found.nFileSizeLow,
    .dev = found.dwVolumeSerialNumber,
    .ino = (uint64_t)found.nFileIndexHigh << 32 | found.nFileIndexLow,
    /* From 100 ns since 1601. Unsigned, since a file system without times says 0, which is too long ago. */
    .mtime_ns = (int64_t)((ticks - UINT64_C(116444736000000000)) * 100),
  };
  *syscall = "";
  return 0;
}

bool file_is_pseudo(int fd, uint64_t size)
{
  (void)fd, (void)size;
  return false;
}

int file_read(int fd, uint64_t offset, void *bytes, size_t length, size_t *got)
{
  HANDLE handle = handle_of(fd);
  if (handle == INVALID_HANDLE_VALUE) return OS_EBADF;
  /* Reading at an offset moves the place there. Where it cannot be told (a pipe), there is none. */
  LARGE_INTEGER nowhere = { 0 }, place;
  bool placed = SetFilePointerEx(handle, nowhere, &place, FILE_CURRENT);
  OVERLAPPED at = { .Offset = (DWORD)offset, .OffsetHigh = (DWORD)(offset >> 32) };
  DWORD count = 0;
  DWORD wanted = length < 1 << 30 ? (DWORD)length : 1 << 30;
  BOOL done = ReadFile(handle, bytes, wanted, &count, &at);
  /* With an offset of its own the call says so where it meets the end of the file. */
  int error = done || GetLastError() == ERROR_HANDLE_EOF ? 0 : last_error();
  if (placed) SetFilePointerEx(handle, place, NULL, FILE_BEGIN);
  if (!error) *got = count;
  return error;
}

bool file_forgets(void) { return false; }

int file_forget(int fd, uint64_t offset, uint64_t length)
{
  (void)fd, (void)offset, (void)length;
  return OS_ENOSYS;
}

/* ---- memory ---- */

static SYSTEM_INFO system_info(void)
{
  SYSTEM_INFO info;
  GetSystemInfo(&info);
  return info;
}

size_t memory_page_size(void) { return system_info().dwPageSize; }

size_t memory_granularity(void) { return system_info().dwAllocationGranularity; }

/*
 * Held alone while a view is taken away and its addresses are reserved again, shared by whoever maps or looks:
 * nobody of this library sees the addresses free, or gets them. (What else allocates in the process might, in
 * that moment: COVER_LOST. Windows 10 has placeholders against that, which cannot be had for views whose length is
 * not a whole number of pages.)
 */
static SRWLOCK covering = SRWLOCK_INIT;

/* Map what a section has there. OS_EFAULT: it ends before. */
static int map_view(HANDLE section, uint64_t offset, size_t length, void **start)
{
  AcquireSRWLockShared(&covering);
  void *at = MapViewOfFile(section, FILE_MAP_COPY, (DWORD)(offset >> 32), (DWORD)offset, length);
  int error = at ? 0 : last_error();
  ReleaseSRWLockShared(&covering);
  if (at) *start = at;
  /* The section allows such views, so that nothing else of one can be denied than its length. */
  return error == OS_EPERM ? OS_EFAULT : error;
}

int memory_map(int fd, uint64_t offset, size_t length, void **start)
{
  HANDLE handle = handle_of(fd);
  if (handle == INVALID_HANDLE_VALUE) return OS_EBADF;
  HANDLE section = CreateFileMappingW(handle, NULL, PAGE_WRITECOPY, 0, 0, NULL);
  /* Said of a file that is empty. */
  if (!section) return GetLastError() == ERROR_FILE_INVALID ? OS_EFAULT : last_error();
  int error = map_view(section, offset, length, start);
  /* The view keeps the section. */
  CloseHandle(section);
  return error;
}

/* Whether a range is what memory_cover made, not a view of a file. */
static bool is_covered(const void *start)
{
  MEMORY_BASIC_INFORMATION found;
  return VirtualQuery(start, &found, sizeof found) != 0 && found.Type == MEM_PRIVATE;
}

int memory_unmap(void *start, size_t length)
{
  (void)length;
  BOOL done = is_covered(start) ? VirtualFree(start, 0, MEM_RELEASE) : UnmapViewOfFile(start);
  return done ? 0 : last_error();
}

/* Under the lock. */
static enum cover replace_view(void *start, size_t length)
{
  if (is_covered(start)) return COVER_DONE;
  if (!UnmapViewOfFile(start)) return COVER_REFUSED;
  return VirtualAlloc(start, length, MEM_RESERVE, PAGE_READWRITE) == start ? COVER_DONE : COVER_LOST;
}

enum cover memory_cover(void *start, size_t length)
{
  AcquireSRWLockExclusive(&covering);
  enum cover cover = replace_view(start, length);
  ReleaseSRWLockExclusive(&covering);
  return cover;
}

bool memory_back_cover(void *address)
{
  AcquireSRWLockShared(&covering);
  MEMORY_BASIC_INFORMATION found;
  bool covered = VirtualQuery(address, &found, sizeof found) != 0 && found.Type == MEM_PRIVATE;
  ReleaseSRWLockShared(&covering);
  /* A page that another thread was quicker to back is left as it is. */
  return covered && VirtualAlloc(address, 1, MEM_COMMIT, PAGE_READWRITE) != NULL;
}

void memory_expect(void *start, size_t length) { (void)start, (void)length; }

int memory_populate(void *start, size_t length)
{
  /* Reads ahead in large pieces, but leaves the page tables to the one who touches. */
  WIN32_MEMORY_RANGE_ENTRY range = { start, length };
  PrefetchVirtualMemory(GetCurrentProcess(), 1, &range, 0);
  return OS_ENOSYS;
}

/* Not populated here. */
bool memory_at_hand(const void *start, size_t length)
{
  (void)start, (void)length;
  return true;
}

int memory_advise(void *start, size_t length, enum advice advice)
{
  WIN32_MEMORY_RANGE_ENTRY range = { start, length };
  if (advice != ADVICE_WILL_NEED && advice != ADVICE_POPULATE) return OS_ENOSYS;
  return PrefetchVirtualMemory(GetCurrentProcess(), 1, &range, 0) ? 0 : last_error();
}

int memory_resident(void *start, size_t length, unsigned char *pages)
{
  enum { BATCH = 128 };
  PSAPI_WORKING_SET_EX_INFORMATION found[BATCH];
  size_t page = memory_page_size();
  size_t count = (length + page - 1) / page;
  for (size_t done = 0; done < count; done += BATCH) {
    size_t now = count - done < BATCH ? count - done : BATCH;
    for (size_t i = 0; i < now; i++)
      found[i].VirtualAddress = (char *)start + (done + i) * page;
    if (!QueryWorkingSetEx(GetCurrentProcess(), found, (DWORD)(now * sizeof *found))) return last_error();
    for (size_t i = 0; i < now; i++)
      pages[done + i] = found[i].VirtualAttributes.Valid;
  }
  return 0;
}

size_t memory_rest_limit(void) { return (size_t)(sizeof(void *) < 8 ? (uint64_t)64 << 20 : (uint64_t)64 << 30); }

/* No more: Windows 8 has addresses of 43 bits. */
size_t memory_outlast_limit(void) { return memory_rest_limit(); }

size_t memory_range_limit(void) { return SIZE_MAX; }

void memory_pin_library(void)
{
  HMODULE self;
  GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
                     (LPCWSTR)(void *)memory_pin_library, &self);
}
