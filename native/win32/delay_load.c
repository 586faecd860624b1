/*
 * Which library Node-API is in, for binaries that are linked without Microsoft's tools (node-gyp has a hook of
 * its own).
 *
 * The binary names node.exe, and asks for it when it first calls: it gets the program that loaded it, whatever
 * that is called (a renamed node.exe, Electron, Bun), or the library that has the runtime in it.
 */
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <delayimp.h>

static FARPROC WINAPI find_host(unsigned event, DelayLoadInfo *info)
{
  (void)info;
  if (event != dliNotePreLoadLibrary) return NULL;
  HMODULE host = GetModuleHandleW(L"libnode.dll");
  return (FARPROC)(void *)(host ? host : GetModuleHandleW(NULL));
}

/* Read by the linker's helper for delayed loading. */
PfnDliHook __pfnDliNotifyHook2 = find_host;
