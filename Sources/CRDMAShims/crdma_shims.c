#include "crdma_shims.h"
