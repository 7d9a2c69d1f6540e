#ifndef CALLOCATION_COUNTER_H
#define CALLOCATION_COUNTER_H

/* Allocations of the calling thread since it began. Linked into a test bundle, this library stands
 * between the program and the C library's allocator; see the .c file. */
unsigned long callocation_counter_read(void);

/* Whether this build has the allocator of a sanitizer: then the count stays 0. */
_Bool callocation_counter_is_off(void);

#endif
