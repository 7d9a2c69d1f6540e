#pragma once
// Guarded, so that the package builds without the verbs backend where the headers are absent.
#if __has_include(<infiniband/verbs.h>) && __has_include(<rdma/rdma_cma.h>)
#include <infiniband/verbs.h>
#include <rdma/rdma_cma.h>
#endif
