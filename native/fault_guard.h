/*
 * The fault guard: a page of a mapping that cannot be had any more (the file was truncated, the disk failed)
 * reads as zeros and marks its mapping, where the process would die of SIGBUS (EXCEPTION_IN_PAGE_ERROR on
 * Windows).
 */
#ifndef SLIDEMAP_FAULT_GUARD_H
#define SLIDEMAP_FAULT_GUARD_H

/*
 * Install it for this process, once; later calls do nothing. To be called before the first mapping. Faults at
 * addresses that are in no slot go to whoever had the handler before. Who installs one later (a crash
 * reporter) has to do the same, or there is no guard any more.
 */
void guard_install(void);

#endif
