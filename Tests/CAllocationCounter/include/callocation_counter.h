#ifndef CALLOCATION_COUNTER_H
#define CALLOCATION_COUNTER_H

/* Allocations of the calling thread since it began. Linked into a test bundle, this library stands
 * between the program and the C library's allocator; see the .c file. */
unsigned long callocation_counter_read(void);

#endif
